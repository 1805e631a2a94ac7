package ddbexpr

// MaxItemSize is the most that an item may take, by Size.
const MaxItemSize = 400 << 10

// Size gives what an item takes in bytes, names included (Developer Guide, "DynamoDB item sizes and formats").
func (it Item) Size() int {
	n := 0
	for i := range it {
		n += len(it[i].Name) + it[i].Value.Size()
	}
	return n
}

// Size gives what a value takes in bytes.
func (v Value) Size() int {
	switch v.Kind {
	case S, B:
		return len(v.Text)
	case N:
		return numberSize(v.Text)
	case BOOL, NULL:
		return 1
	case SS, NS, BS:
		n := 0
		for _, e := range v.List {
			n += e.Size()
		}
		return n
	case L:
		n := 3 + len(v.List)
		for i := range v.List {
			n += v.List[i].Size()
		}
		return n
	case M:
		return 3 + len(v.Map) + v.Map.Size()
	default:
		return 0
	}
}

// numberSize is one byte, one for every two significant digits, and one for a minus sign.
func numberSize(text string) int {
	size, digits, zeros := 1, 0, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '-':
			size++
		case c == '0':
			if digits > 0 {
				zeros++
			}
		case c != '.':
			digits += zeros + 1
			zeros = 0
		}
	}
	return size + (digits+1)/2
}
