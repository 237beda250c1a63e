// node run-compiled.cjs SCRIPT: runs the script, and takes what V8 made of it from SCRIPT.cache. Who finds none leaves it
// there when it has run for a while: with what the script came to use until then.
const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const { Script } = require('node:vm');

/** Long enough for most of what brokers do to have been done once, in milliseconds. */
const USE_MS = 10_000;

const [filename] = process.argv.slice(2);
const cache = `${filename}.cache`;
const source = `(function (require, __filename) {${readFileSync(filename, 'utf8')}\n})`;
const cachedData = read(cache);
const script = new Script(source, { filename, cachedData });
// What it needs beside itself is found from here.
script.runInThisContext()(require, __filename);
if (!cachedData) setTimeout(keep, USE_MS).unref();

function read(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function keep() {
  const fresh = `${cache}.${process.pid}`;
  writeFileSync(fresh, script.createCachedData());
  renameSync(fresh, cache);
}
