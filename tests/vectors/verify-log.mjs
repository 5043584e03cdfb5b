// Checks a feed without our code: node verify-log.mjs FILE.json with {vkey, checkpoint (base64 of the signed note), leaf (base64
// of an entry), index, proof[], old_size, old_root, consistency[]}. C2SP signed-note and tlog-checkpoint, RFC 9162 section 2.1.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
const v = JSON.parse(readFileSync(process.argv[2] ?? new URL('log.json', import.meta.url)));
const b64 = (s) => Buffer.from(s, 'base64');
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const node = (l, r) => sha256(Buffer.of(1), l, r);
const need = (good, what) => { if (!good) { console.log(`WRONG: ${what}`); process.exit(1); } };

const [name, id, ...key] = v.vkey.split('+'), keyBytes = b64(key.join('+')), note = b64(v.checkpoint).toString();
need(keyBytes[0] === 1 && sha256(Buffer.from(`${name}\n`), keyBytes).toString('hex', 0, 4) === id, 'the vkey');
const at = note.lastIndexOf('\n\n'), text = note.slice(0, at + 1);
const line = note.slice(at + 2).split('\n').find((l) => l.startsWith(`— ${name} `) && b64(l.split(' ')[2]).toString('hex', 0, 4) === id);
const publicKey = createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), keyBytes.subarray(1)]), format: 'der', type: 'spki' });
need(line && verify(null, Buffer.from(text), publicKey, b64(line.split(' ')[2]).subarray(4)), "the checkpoint's signature");
const [origin, sizeText, rootText] = text.split('\n'), size = Number(sizeText), root = b64(rootText);
need(origin === name && Number.isSafeInteger(size) && root.length === 32, "the checkpoint's text");

function walk(fn, sn, proof, both, right) { // the loop that 2.1.3.2 and 2.1.4.2 share; right: on a sibling at the right
  for (const p of proof) {
    need(sn > 0, 'a proof that is too long');
    if (fn % 2 || fn === sn) {
      both(p);
      while (fn % 2 === 0 && fn !== 0) { fn /= 2; sn = Math.floor(sn / 2); }
    } else right(p);
    fn = Math.floor(fn / 2); sn = Math.floor(sn / 2);
  }
  return sn === 0;
}
let r = sha256(Buffer.of(0), b64(v.leaf));
need(v.index < size && walk(v.index, size - 1, v.proof.map(b64), (p) => { r = node(p, r); }, (p) => { r = node(r, p); }) && r.equals(root), 'the inclusion proof');
let path = v.consistency.map(b64), fn = v.old_size - 1, sn = size - 1;
if (Math.log2(v.old_size) % 1 === 0) path.unshift(b64(v.old_root));
while (fn % 2) { fn = (fn - 1) / 2; sn = Math.floor(sn / 2); }
let fr = path[0], sr = path[0];
const good = walk(fn, sn, path.slice(1), (p) => { fr = node(p, fr); sr = node(p, sr); }, (p) => { sr = node(sr, p); });
need(good && fr.equals(b64(v.old_root)) && sr.equals(root), 'the consistency proof');
console.log(`${name}: checkpoint of ${size} entries, inclusion and consistency hold`);
