// Reads a log as C2SP tlog-tiles and checks it without our code: node verify-tiles.mjs PREFIX VKEY CA [CERT KEY | BEARER].
// Every entry against its leaf, every hash of a level against those below, the root of the signed checkpoint from all
// leaves. C2SP tlog-tiles, tlog-checkpoint, signed-note; RFC 6962 section 2.1.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { gunzipSync } from 'node:zlib';
const [prefix, vkey, ca, credential, key] = process.argv.slice(2);
const b64 = (s) => Buffer.from(s, 'base64');
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const node = (l, r) => sha256(Buffer.of(1), l, r);
const need = (good, what) => { if (!good) { console.log(`WRONG: ${what}`); process.exit(1); } };
const get = (path, type) => new Promise((resolve) => request(`${prefix}/${path}`, {
  ca: readFileSync(ca), ...(key ? { cert: readFileSync(credential), key: readFileSync(key) } : {}),
  headers: { 'Accept-Encoding': 'gzip, identity', ...(credential && !key ? { Authorization: `Bearer ${credential}` } : {}) },
}, (answer) => {
  const parts = [];
  answer.on('data', (part) => parts.push(part)).on('end', () => {
    const body = Buffer.concat(parts);
    need(answer.statusCode === 200 && answer.headers['content-type'] === type, `${path}: ${answer.statusCode} ${body}`);
    resolve(answer.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
  });
}).end());

const note = (await get('checkpoint', 'text/plain; charset=utf-8')).toString();
const at = note.lastIndexOf('\n\n'), text = note.slice(0, at + 1), [origin, sizeText, rootText] = text.split('\n');
const [name, id, ...rest] = vkey.split('+'), publicBytes = b64(rest.join('+'));
const publicKey = createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicBytes.subarray(1)]), format: 'der', type: 'spki' });
need(origin === name && note.slice(at + 2).split('\n').map((l) => l.split(' ')).some(([, who, sig]) => who === name
  && b64(sig).toString('hex', 0, 4) === id && verify(null, Buffer.from(text), publicKey, b64(sig).subarray(4))), 'the signature');
const size = Number(sizeText);

const digits = (n) => n < 1000 ? String(n).padStart(3, '0')
  : digits(Math.floor(n / 1000)).replace(/(\d{3})$/, 'x$1') + '/' + String(n % 1000).padStart(3, '0');
const widths = (count) => Array.from({ length: Math.ceil(count / 256) }, (_, i) => Math.min(256, count - i * 256));
const tile = async (kind, i, width) => get(`tile/${kind}/${digits(i)}${width < 256 ? `.p/${width}` : ''}`, 'application/octet-stream');
const root = (hashes) => { // RFC 6962: the largest power of two below the count goes left
  if (hashes.length < 2) return hashes[0] ?? sha256();
  let left = 1;
  while (left * 2 < hashes.length) left *= 2;
  return node(root(hashes.slice(0, left)), root(hashes.slice(left)));
};
const cut = (bytes) => Array.from({ length: bytes.length / 32 }, (_, i) => bytes.subarray(i * 32, i * 32 + 32));

const levels = [];
for (let count = size, level = 0; count > 0; count = Math.floor(count / 256), level++) {
  levels[level] = [];
  for (const [i, width] of widths(count).entries()) {
    const hashes = cut(await tile(level, i, width));
    need(hashes.length === width, `the width of tile ${level}/${i}`);
    levels[level].push(...hashes);
  }
}
let entries = 0;
for (const [i, width] of widths(size).entries()) {
  const bundle = await tile('entries', i, width);
  let from = 0;
  for (let n = 0; n < width; n++, entries++) {
    const length = bundle.readUInt16BE(from), entry = bundle.subarray(from + 2, from + 2 + length);
    need(entry.length === length && sha256(Buffer.of(0), entry).equals(levels[0][entries]), `entry ${entries + 1}`);
    from += 2 + length;
  }
  need(from === bundle.length, `the end of bundle ${i}`);
}
for (const [level, hashes] of levels.entries()) {
  for (let i = 0; level > 0 && i < hashes.length; i++) {
    need(root(levels[level - 1].slice(i * 256, i * 256 + 256)).equals(hashes[i]), `tile level ${level}, hash ${i}`);
  }
}
need(root(levels[0] ?? []).equals(b64(rootText)), 'the root from all leaves');
console.log(`${origin}: ${entries} entries, ${levels.length} levels of tiles, the root is that of the checkpoint`);
