// Runs one JavaScript module for ${file(module.js):address}: questions and the result go out on file 3, answers come in on file 4.
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const send = (message) => fs.writeSync(3, JSON.stringify(message) + '\n');
const file = process.env.SUNDOG_MODULE;
const address = process.env.SUNDOG_ADDRESS;
const options = JSON.parse(process.env.SUNDOG_OPTIONS);
const input = fs.createReadStream(null, { fd: 4 });
const answers = readline.createInterface({ input })[Symbol.asyncIterator]();
let last = Promise.resolve();
const question = (ask) => (argument) => (last = last.catch(() => {}).then(async () => {
  send({ ask, argument: String(argument) });
  const line = await answers.next();
  const answer = JSON.parse(line.value);
  if (answer.error) throw new Error(answer.error);
  return answer.value;
}));
const context = { options, resolveVariable: question('variable'), resolveConfigurationProperty: (p) => question('property')(Array.isArray(p) ? p.join('.') : p) };

try {
  let exported;
  if (path.extname(file) === '.mjs') {
    exported = await import(pathToFileURL(file));
  } else {
    try {
      exported = createRequire(file)(file);
    } catch (error) {
      if (error.code !== 'ERR_REQUIRE_ESM') throw error;
      exported = await import(pathToFileURL(file));
    }
  }
  if (exported && exported.default !== undefined && (exported.__esModule || Object.prototype.toString.call(exported) === '[object Module]')) {
    const names = Object.keys(exported).filter((n) => n !== 'default');
    if (names.length === 0) exported = exported.default;
  }
  const first = address.split('.')[0];
  if (typeof exported === 'function') {
    send({ done: true, result: await exported(context) });
  } else if (first && exported && typeof exported[first] === 'function') {
    let value = await exported[first](context);
    for (const key of address.split('.').slice(1)) value = value == null ? undefined : value[key];
    send({ done: true, whole: true, result: value === undefined ? null : value });
  } else {
    send({ done: true, result: await exported });
  }
} catch (error) {
  send({ error: (error && error.stack) || String(error) });
}
process.exit(0);
