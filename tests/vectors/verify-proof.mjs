// Checks a C2SP tlog-proof file without our code: node verify-proof.mjs FILE.tlog-proof LOG_VKEY [COSIGNER_VKEY...], or with
// no vkey those of proof.vkeys. The entry is the file's extra line. Each key must have signed. C2SP signed-note and
// tlog-cosignature, RFC 9162 section 2.1.3.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
const beside = (name) => new URL(name, import.meta.url);
const [path = beside('proof.tlog-proof'), ...given] = process.argv.slice(2);
const vkeys = given.length ? given : readFileSync(beside('proof.vkeys'), 'utf8').trim().split('\n');
const b64 = (s) => Buffer.from(s, 'base64');
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const node = (l, r) => sha256(Buffer.of(1), l, r);
const need = (good, what) => { if (!good) { console.log(`WRONG: ${what}`); process.exit(1); } };

const [, extra, indexText, hashes, note] = readFileSync(path, 'utf8')
  .match(/^c2sp\.org\/tlog-proof@v1\n(?:extra (.*)\n)?index (0|[1-9]\d*)\n((?:[^\n]+\n)*)\n([^]*)$/) ?? [];
need(note && extra, 'the form of the file');
const at = note.lastIndexOf('\n\n'), text = note.slice(0, at + 1), lines = note.slice(at + 2).split('\n');
const [origin, sizeText, rootText] = text.split('\n'), size = BigInt(sizeText), index = BigInt(indexText);

function signed(vkey) { // the time for a cosignature
  const [name, id, ...rest] = vkey.split('+'), key = b64(rest.join('+')), type = key[0];
  need(sha256(Buffer.from(`${name}\n`), key).toString('hex', 0, 4) === id && key.length === 33, `the vkey of ${name}`);
  const publicKey = createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key.subarray(1)]), format: 'der', type: 'spki' });
  const found = lines.map((l) => l.split(' ')).filter(([dash, who, sig]) => dash === '—' && who === name && b64(sig).toString('hex', 0, 4) === id);
  need(found.length > 0, `${name} did not sign`);
  let when = 0n;
  for (const [, , sig] of found) {
    const bytes = b64(sig).subarray(4);
    if (type === 4) when = bytes.readBigUInt64BE();
    const message = type === 4 ? `cosignature/v1\ntime ${when}\n${text}` : text;
    need((type === 1 || type === 4) && verify(null, Buffer.from(message), publicKey, bytes.subarray(type === 4 ? 8 : 0)), `the signature of ${name}`);
  }
  return { name, type, when };
}
const [log, ...cosigners] = vkeys.map(signed);
need(log.type === 1 && log.name === origin, 'the origin is not the log\'s name');

let fn = index, sn = size - 1n, r = sha256(Buffer.of(0), b64(extra));
need(index < size, 'an index outside the tree');
for (const p of hashes.trimEnd().split('\n').filter(Boolean).map(b64)) {
  need(p.length === 32 && sn > 0n, 'the length of the proof');
  if (fn & 1n || fn === sn) {
    r = node(p, r);
    while (!(fn & 1n) && fn) { fn >>= 1n; sn >>= 1n; }
  } else r = node(r, p);
  fn >>= 1n; sn >>= 1n;
}
need(sn === 0n && r.equals(b64(rootText)), 'the inclusion proof');
console.log(`${origin}: entry ${index + 1n} of ${size}, ${b64(extra).length} bytes, is in the log` +
  cosigners.map(({ name, when }) => `; ${name} saw it at ${new Date(Number(when) * 1000).toISOString()}`).join(''));
