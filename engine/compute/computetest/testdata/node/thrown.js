exports.handler = async ({ what }) => {
  const e = new Error('boom');
  switch (what) {
    case 'string': throw 'boom';
    case 'null': throw null;
    case 'named': e.name = 'Named'; e.code = 7; throw e;
    case 'circular': e.self = { e }; throw e;
    default: Promise.reject(e); await new Promise((r) => setTimeout(r, 10000));
  }
};
