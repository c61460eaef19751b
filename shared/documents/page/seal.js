// Reads and checks a seal: base32, CBOR (RFC 8949), COSE_Sign1 (RFC 9052) and, of a whole file, the PAdES
// signature over its bytes (RFC 5652). Written out because it must work offline and be read by auditors.

const ABOUT = -65537;
const MARK = "\nJAMAA-SEAL-1 ";
const HASH = 16;
const MESSAGE_DIGEST = "2a864886f70d010904"; // 1.2.840.113549.1.9.4
const utf8 = new TextDecoder("utf-8", { fatal: true });

export class Unreadable extends Error {}

function base32(text) {
  const out = [];
  let bits = 0, held = 0;
  for (const letter of text.toUpperCase()) {
    const value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter);
    if (value < 0) throw new Unreadable("base32");
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) { bits -= 8; out.push((held >> bits) & 0xff); }
  }
  return new Uint8Array(out);
}

function cbor(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (length) => {
    if (at + length > bytes.length) throw new Unreadable("cbor");
    at += length;
    return at - length;
  };
  const argument = (low) => {
    if (low < 24) return low;
    if (low === 24) return view.getUint8(take(1));
    if (low === 25) return view.getUint16(take(2));
    if (low === 26) return view.getUint32(take(4));
    if (low === 27) return Number(view.getBigUint64(take(8)));
    throw new Unreadable("cbor");
  };
  const item = (depth) => {
    if (depth > 8) throw new Unreadable("cbor");
    const first = view.getUint8(take(1));
    const major = first >> 5, value = argument(first & 31);
    if (major === 0) return value;
    if (major === 1) return -1 - value;
    if (major === 2 || major === 3) {
      const start = take(value), part = bytes.slice(start, start + value);
      return major === 2 ? part : utf8.decode(part);
    }
    if (major === 4) {
      const list = [];
      for (let n = 0; n < value; n++) list.push(item(depth + 1));
      return list;
    }
    if (major === 5) {
      const map = new Map();
      for (let n = 0; n < value; n++) { const key = item(depth + 1); map.set(key, item(depth + 1)); }
      return map;
    }
    if (major === 6) return { tag: value, value: item(depth + 1) };
    throw new Unreadable("cbor");
  };
  const whole = item(0);
  if (at !== bytes.length) throw new Unreadable("cbor");
  return whole;
}

function byteString(bytes) {
  const n = bytes.length;
  const head = n < 24 ? [0x40 | n] : n < 256 ? [0x58, n] : [0x59, n >> 8, n & 255];
  return [...head, ...bytes];
}

const hex = (bytes) => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
const same = (a, b) => a.length === b.length && a.every((value, at) => value === b[at]);
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

async function verified(key, signature, message) {
  const { kty, crv, x, y } = key;
  const imported = await crypto.subtle.importKey(
    "jwk", { kty, crv, x, y }, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, imported, signature, message);
}

function claimed(token) {
  const message = cbor(base32(token));
  if (message.tag !== 18 || message.value.length !== 4) throw new Unreadable("cose");
  const [head, , body, signature] = message.value;
  const protectedHead = cbor(head), said = cbor(body);
  const kid = protectedHead.get(4), about = said.get(ABOUT), id = said.get(7);
  if (protectedHead.get(1) !== -7 || signature.length !== 64 || !Array.isArray(about) || about[1].length !== HASH) {
    throw new Unreadable("cose");
  }
  const h = hex(id);
  return {
    head, body, signature, kid: hex(kid),
    claim: {
      id: [h.slice(0, 8), h.slice(8, 12), h.slice(12, 16), h.slice(16, 20), h.slice(20)].join("-"),
      service: said.get(1), kind: about[0], digest: about[1], names: Object.fromEntries(about[2]),
      issuedAt: said.get(6), expiresAt: said.get(4) ?? null,
    },
  };
}

// `keys` are those of the published set. The answer's `verdict` is the first that applies; `claim` is there
// only when its signature holds.
export async function checkToken(token, keys, now) {
  let read;
  try { read = claimed(token); } catch { return { verdict: "unreadable" }; }
  const key = keys.find((one) => one.kid === read.kid);
  if (!key) return { verdict: "foreign" };
  const message = new Uint8Array([0x84, 0x6a, ...new TextEncoder().encode("Signature1"),
    ...byteString(read.head), 0x40, ...byteString(read.body)]);
  if (!await verified(key, read.signature, message)) return { verdict: "altered" };
  const claim = read.claim;
  if (claim.service !== key.service || claim.issuedAt < key.nbf || claim.issuedAt > key.exp) return { verdict: "foreign" };
  if (key.revoked) return { verdict: "key_revoked", claim };
  if (claim.expiresAt !== null && claim.expiresAt * 1000 <= now) return { verdict: "expired", claim, key };
  return { verdict: "valid", claim, key };
}

export async function checkFile(bytes, keys, now) {
  const text = new TextDecoder("latin1").decode(bytes); // one character for each byte: offsets agree
  const start = text.indexOf(MARK);
  const end = start < 0 ? -1 : text.indexOf("\n", start + MARK.length);
  const length = end < 0 ? NaN : Number(text.slice(start + MARK.length, end));
  if (!(length > 0)) return { verdict: "unreadable" };
  let inside;
  try { inside = JSON.parse(utf8.decode(bytes.slice(end + 1, end + 1 + length))); } catch { return { verdict: "altered" }; }
  const found = await checkToken(String(inside.token), keys, now);
  if (!found.claim) return found;
  const digest = await sha256(new TextEncoder().encode(String(inside.content)));
  if (!same(digest.slice(0, HASH), found.claim.digest)) return { verdict: "altered" };
  const key = keys.find((one) => one.kid === claimed(inside.token).kid);
  let whole = false;
  try { whole = await signedWhole(bytes, text, key); } catch { whole = false; }
  return whole ? { ...found, content: JSON.parse(inside.content), whole: true } : { verdict: "altered" };
}

// The one signature covers every byte of the file but its own place, and is by the key.
async function signedWhole(bytes, text, key) {
  for (const [, a, b, c, d] of text.matchAll(/\/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]/g)) {
    const [first, stop, next, rest] = [a, b, c, d].map(Number);
    if (first !== 0 || next <= stop || next + rest !== bytes.length) continue;
    const place = text.slice(stop, next);
    if (!/^<[0-9a-fA-F]+>$/.test(place)) return false;
    const cms = new Uint8Array((place.length - 2) / 2);
    for (let n = 0; n < cms.length; n++) cms[n] = parseInt(place.substr(1 + 2 * n, 2), 16);
    const covered = new Uint8Array(stop + rest);
    covered.set(bytes.subarray(0, stop));
    covered.set(bytes.subarray(next), stop);
    const { attributes, digest, signature } = signerOf(cms);
    return same(digest, await sha256(covered)) && await verified(key, signature, attributes);
  }
  return false;
}

function der(bytes, at) {
  const tag = bytes[at];
  let length = bytes[at + 1], start = at + 2;
  if (length > 128) {
    const octets = length - 128;
    length = 0;
    for (let n = 0; n < octets; n++) length = length * 256 + bytes[start++];
  }
  if (!(start + length <= bytes.length)) throw new Unreadable("der");
  return { tag, at, start, end: start + length };
}

function children(bytes, node) {
  const list = [];
  for (let at = node.start; at < node.end; at = list.at(-1).end) list.push(der(bytes, at));
  return list;
}

function signerOf(cms) {
  const [, wrapped] = children(cms, der(cms, 0));
  const signedData = children(cms, wrapped)[0];
  const signers = children(cms, children(cms, signedData).at(-1));
  if (signers.length !== 1) throw new Unreadable("cms");
  const parts = children(cms, signers[0]);
  const signed = parts.find((node) => node.tag === 0xa0), value = parts.find((node) => node.tag === 0x04);
  const attributes = cms.slice(signed.at, signed.end);
  attributes[0] = 0x31; // signed as the SET that it stands for (RFC 5652 §5.4)
  const about = children(cms, signed).map((node) => children(cms, node))
    .find(([oid]) => hex(cms.slice(oid.start, oid.end)) === MESSAGE_DIGEST);
  const octets = children(cms, about[1])[0];
  const [r, s] = children(cms, der(cms, value.start)).map((node) => cms.slice(node.start, node.end));
  const signature = new Uint8Array(64);
  for (const [number, offset] of [[r, 0], [s, 32]]) {
    const trimmed = number[0] === 0 ? number.slice(1) : number;
    if (trimmed.length > 32) throw new Unreadable("ecdsa");
    signature.set(trimmed, offset + 32 - trimmed.length);
  }
  return { attributes, digest: cms.slice(octets.start, octets.end), signature };
}
