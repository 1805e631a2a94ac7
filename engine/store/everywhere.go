package store

// Everywhere calls f for the rows of a room's table in all shards, shard by shard: those of all accounts and regions. key is what follows the table's
// name, valid until f returns, as value is.
func Everywhere(r Reader, room, table string, f func(key, value []byte) error) error {
	at := func(s int) Key { return K(Shard(s), room, table) }
	it := r.Scan(ScanOptions{Lo: at(0), Hi: at(255).End()})
	defer func() { _ = it.Close() }()
	more := it.Next()
	for shard := 0; shard < 256 && more; {
		p := at(shard)
		switch key := it.Key(); {
		case string(key) < string(p):
			it.Seek(p)
			more = it.Next()
		case string(key) >= string(p.End()):
			shard++
		default:
			if err := f(key[len(p):], it.Value()); err != nil {
				return err
			}
			more = it.Next()
		}
	}
	return it.Err()
}
