// Checks, without our code, what `passerelle ledger compare` wrote as evidence: node verify-contradiction.mjs FILE. One key
// signed two checkpoints that cannot both be true. C2SP signed-note and tlog-checkpoint, RFC 9162 section 2.1.4.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
const proof = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const b64 = (s) => Buffer.from(s, 'base64');
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const node = (l, r) => sha256(Buffer.of(1), l, r);
const need = (good, what) => { if (!good) { console.log(`WRONG: ${what}`); process.exit(1); } };

const [name, id, ...rest] = proof.verifierKey.split('+'), key = b64(rest.join('+'));
need(key.length === 33 && key[0] === 1 && sha256(Buffer.from(`${name}\n`), key).toString('hex', 0, 4) === id, 'the key');
const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key.subarray(1)]);
const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' });

function open({ checkpoint }) { // what the key signed
  const at = checkpoint.lastIndexOf('\n\n'), text = checkpoint.slice(0, at + 1);
  const signed = checkpoint.slice(at + 2).split('\n').map((line) => line.split(' '))
    .some(([dash, who, sig]) => dash === '—' && who === name && b64(sig).toString('hex', 0, 4) === id
      && verify(null, Buffer.from(text), publicKey, b64(sig).subarray(4)));
  const [origin, size, root] = text.split('\n');
  need(signed && origin === name, 'a signature');
  return { size: BigInt(size), root: b64(root) };
}
const first = open(proof.first), second = open(proof.second), root = b64(proof.rootInSecond);
const path = proof.consistencyProof.map(b64);
need(first.size > 0n && first.size <= second.size && !root.equals(first.root), 'they do not contradict each other');
if (first.size === second.size) need(path.length === 0 && root.equals(second.root), 'the roots');
else {
  if ((first.size & (first.size - 1n)) === 0n) path.unshift(root);
  let fn = first.size - 1n, sn = second.size - 1n, [fr] = path, [sr] = path;
  while (fn & 1n) { fn >>= 1n; sn >>= 1n; }
  for (const c of path.slice(1)) {
    need(sn > 0n, 'the length of the proof');
    if (fn & 1n || fn === sn) {
      fr = node(c, fr); sr = node(c, sr);
      while (!(fn & 1n) && fn) { fn >>= 1n; sn >>= 1n; }
    } else sr = node(sr, c);
    fn >>= 1n; sn >>= 1n;
  }
  need(sn === 0n && fr?.equals(root) && sr.equals(second.root), 'the consistency proof');
}
console.log(`${name} signed ${first.size} and ${second.size} entries of two histories`);
