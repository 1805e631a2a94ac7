// What the workflow calls. Each task gets the part of the state that the workflow chooses and returns its own part only.

class Named extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

const prices = { pen: 2.5, book: 18, lamp: 49 };

exports.price = async ({ id, lines }) => {
  if (!Array.isArray(lines) || lines.length === 0) {
    throw new Named('EmptyOrder', `order ${id} has no lines`);
  }
  const total = lines.reduce((sum, { sku, count }) => sum + (prices[sku] || 0) * count, 0);
  console.log(`order ${id} costs ${total}`);
  return { total };
};

exports.reserve = async ({ sku, count }) => {
  const available = sku in prices && count <= 10;
  console.log(`${available ? 'reserved' : 'cannot reserve'} ${count} of ${sku}`);
  return { sku, count, available };
};

// The card is busy as often as the order says; the workflow's retries go by the attempt that the workflow counts.
exports.charge = async ({ id, total, card = {}, attempt }) => {
  if (attempt < (card.busy || 0)) {
    throw new Named('CardBusy', `attempt ${attempt} for ${id}`);
  }
  if (card.declined) {
    throw new Named('CardDeclined', `the card of ${id} is declined`);
  }
  console.log(`charged ${total} for ${id} at attempt ${attempt}`);
  return { charged: total };
};

exports.pack = async ({ id }) => {
  console.log(`packed ${id}`);
  return { parcel: `P-${id}` };
};

exports.bill = async ({ id, total }) => {
  console.log(`billed ${id}`);
  return { invoice: `I-${id}`, total };
};

exports.release = async ({ id, lines }) => {
  console.log(`released ${lines.length} lines of ${id}`);
  return { released: lines.length };
};
