// Runs inside the guest, before a program that may make calls outside: `fetch` as elsewhere, by such calls.

const { std } = globalThis;

// A call is a line on standard output that begins with the run's mark; its answer arrives on standard input.
function call(mark, name, values) {
  std.out.puts(`${mark}${JSON.stringify([name, values])}\n`);
  std.out.flush();
  const answer = JSON.parse(std.in.readAsString(Number(std.in.readAsString(10))));
  if ("error" in answer) throw new TypeError(answer.error);
  return answer.value;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function bytesOf(found) {
  if ("text" in found) return Uint8Array.from(unescape(encodeURIComponent(found.text)), (sign) => sign.charCodeAt(0));
  const signs = found.base64.replace(/=+$/, "");
  const bytes = new Uint8Array((signs.length * 3) >> 2);
  for (let i = 0, bits = 0, held = 0, at = 0; i < signs.length; i++) {
    held = ((held << 6) | ALPHABET.indexOf(signs[i])) & 0xffffff;
    if ((bits += 6) >= 8) bytes[at++] = (held >> (bits -= 8)) & 0xff;
  }
  return bytes;
}

class Headers {
  #values;
  constructor(values) { this.#values = values; }
  get(name) { return this.#values[name.toLowerCase()] ?? null; }
  has(name) { return name.toLowerCase() in this.#values; }
  entries() { return Object.entries(this.#values)[Symbol.iterator](); }
  [Symbol.iterator]() { return this.entries(); }
}

class Response {
  #found;
  constructor(found) {
    this.#found = found;
    this.status = found.status;
    this.statusText = found.reason;
    this.ok = found.status >= 200 && found.status < 300;
    this.url = found.url;
    this.headers = new Headers(found.headers);
  }
  async text() {
    if ("text" in this.#found) return this.#found.text;
    return String.fromCharCode(...bytesOf(this.#found)); // no UTF-8: each byte is a character
  }
  async json() { return JSON.parse(await this.text()); }
  async bytes() { return bytesOf(this.#found); }
  async arrayBuffer() { return bytesOf(this.#found).buffer; }
}

export function outside(mark) {
  return async (url, { method = "GET", headers = {} } = {}) =>
    new Response(call(mark, "fetch", { url: String(url), method: method.toUpperCase(), headers: Object.fromEntries(
      headers instanceof Headers ? headers : Object.entries(headers)) }));
}
