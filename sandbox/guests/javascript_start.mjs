// Runs inside the guest: QuickJS starts with this, waits for a program on its standard input, and becomes it.

const { std, os } = globalThis;
const PROGRAM = "/workspace/.shannon-program.mjs";

// Timers as elsewhere, counted: the program has ended when none is left.
const waiting = new Set();
let wake = () => {};

function timer(repeats, action, milliseconds = 0, ...values) {
  const entry = {};
  const ring = () => {
    if (!repeats) waiting.delete(entry);
    try {
      action(...values);
    } catch (error) {
      fail(error);
    }
    if (repeats && waiting.has(entry)) entry.handle = os.setTimeout(ring, milliseconds);
    wake();
  };
  entry.handle = os.setTimeout(ring, milliseconds);
  waiting.add(entry);
  return entry;
}

function stop(entry) {
  if (waiting.delete(entry)) os.clearTimeout(entry.handle);
  wake();
}

function fail(error) {
  std.out.flush();
  const stack = error instanceof Error && error.stack ? `\n${error.stack.trimEnd()}` : "";
  std.err.puts(`${error}${stack}\n`);
  std.err.flush();
  std.exit(1);
}

for (const [name, stream] of [["log", std.out], ["error", std.err], ["warn", std.err]]) {
  console[name] = (...values) => {
    stream.puts(`${values.map(shown).join(" ")}\n`);
    stream.flush(); // what was printed before a timeout is kept
  };
}
console.info = console.debug = console.log;

function shown(value) {
  if (typeof value !== "object" || value === null || value instanceof Error) return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return String(value); // a value that contains itself
  }
}

globalThis.setTimeout = (action, milliseconds, ...values) => timer(false, action, milliseconds, ...values);
globalThis.setInterval = (action, milliseconds, ...values) => timer(true, action, milliseconds, ...values);
globalThis.clearTimeout = globalThis.clearInterval = stop;
globalThis.os = { ...os, setTimeout: globalThis.setTimeout, clearTimeout: stop }; // counted too
globalThis.queueMicrotask = (action) => void Promise.resolve().then(action).catch(fail);

os.chdir("/workspace");
std.out.puts("\x06"); // tells the host that this guest is ready
std.out.flush();
const mark = std.in.readAsString(Number(std.in.readAsString(10)));
if (mark) globalThis.fetch = (await import("/shannon/outside.mjs")).outside(mark);
const size = Number(std.in.readAsString(10));
const source = new Uint8Array(size);
let read = 0;
while (read < size) read += std.in.read(source.buffer, read, size - read);

const file = std.open(PROGRAM, "wb");
file.write(source.buffer, 0, size);
file.close();
try {
  await import(PROGRAM);
  while (waiting.size) await new Promise((resolve) => { wake = resolve; });
} catch (error) {
  fail(error);
}
std.out.flush();
std.err.flush();
