// A verifier of Passerelle passes, written from proto/pass-token.md alone: node verify-pass-token.mjs [pass-token.json]
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
const { network, keys, base45, cases } = JSON.parse(readFileSync(process.argv[2] ?? new URL('pass-token.json', import.meta.url)));
const sha256 = (b) => createHash('sha256').update(b).digest();
const spki = Buffer.from('302a300506032b6570032100', 'hex'); // an Ed25519 public key in DER, before its 32 bytes
const signed = (key, message, signature) => verify(null, message,
  createPublicKey({ key: Buffer.concat([spki, key]), format: 'der', type: 'spki' }), signature);
const need = (good, why = 'BAD_TOKEN') => { if (!good) throw why; return good; };
function decode45(text, out = []) {
  for (let i = 0; i < text.length; i += 3) {
    const v = [...text.slice(i, i + 3)].map((c) => '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:'.indexOf(c));
    const n = v.reduceRight((sum, d) => sum * 45 + d, 0);
    need(v.length > 1 && !v.includes(-1) && n <= (v.length === 3 ? 65535 : 255));
    out.push(...(v.length === 3 ? [n >> 8, n & 255] : [n]));
  }
  return Buffer.from(out);
}
function payload(b) {
  let f = [], at = 0, last = 0, wire = [, 2, 5, 2, 2, 0, 0, 0, 0, 0, 2, 0]; // protobuf's wire type of each field
  const varint = () => {
    for (let n = 0n, s = 0n; ; s += 7n) {
      need(at < b.length && s < 35n);
      const c = b[at++]; n |= BigInt(c & 127) << s;
      if (c < 128) { need((c > 0 || s === 0n) && n < 2n ** 32n); return Number(n); }
    }
  };
  const take = (n) => { need(at + n <= b.length); at += n; return b.subarray(at - n, at); };
  for (let tag, no; at < b.length; last = no) {
    tag = varint(); no = tag >> 3; need(no > last && wire[no] === (tag & 7));
    const v = f[no] = wire[no] === 0 ? varint() : wire[no] === 5 ? take(4).readUInt32LE() : take(varint());
    need(v !== 0 && v.length !== 0); // a default is left out
  }
  const [from, until] = [f[6] ?? 0, f[7] ?? 0], within = (v, max) => v >= 1 && v <= max;
  need(f[1]?.length === 16 && (!f[3] || f[3].length === 32) && /^[a-z0-9-]{1,40}$/.test(f[4]) && within(f[5], 3));
  need(from <= 47482 && until <= 47482 && (!until || until >= from) && f[8] && within(f[9], 3) && (!f[10] || f[10].length === 8));
  return need((f[2] ?? 0) === sha256(network).readUInt32BE()) && { device: f[3], from, until };
}
const seen = new Set();
function check(text, now) {
  const proof = need(/^P[TP]1:/.test(text)) && text[1] === 'P', bytes = decode45(text.slice(4));
  const token = bytes.subarray(0, bytes.length - (proof ? 68 : 0)), cut = token.length - 68;
  const body = need(cut >= 1 && token.length <= 204) && token.subarray(0, cut), p = payload(body);
  const mine = keys.filter((k) => k.key_id === token.toString('hex', cut, cut + 4));
  need(!proof || p.device) && need(mine.length, 'UNKNOWN_KEY');
  const input = Buffer.concat([Buffer.from(`passerelle-token/v1\0${network}\0`), body]);
  need(mine.some((k) => signed(Buffer.from(k.public_key, 'hex'), input, token.subarray(cut + 4))), 'BAD_SIGNATURE');
  const day = Date.parse(new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Paris' }).format(now * 1000)) / 864e5;
  need(day >= p.from, 'NOT_YET_VALID'); need(!p.until || day <= p.until, 'EXPIRED');
  if (!p.device || !need(proof, 'PROOF_MISSING')) return 'VALID';
  const tail = bytes.subarray(token.length), second = tail.readUInt32BE(); // as u64: four zero bytes before it
  const message = Buffer.concat([Buffer.from('passerelle-proof/v1\0'), sha256(token), Buffer.alloc(4), tail.subarray(0, 4)]);
  need(Math.abs(now - second) <= 60 && signed(p.device, message, tail.subarray(4)), 'PROOF_STALE');
  return need(!seen.has(message.toString('hex')), 'PROOF_REPLAYED') && seen.add(message.toString('hex')) && 'VALID';
}
const outcome = (f) => { try { return f(); } catch (why) { if (typeof why !== 'string') throw why; return why; } };
const failed = [...base45.filter((c) => outcome(() => decode45(c.text).toString('hex')) !== (c.hex ?? 'BAD_TOKEN')),
  ...cases.filter((c) => outcome(() => check(c.text, c.now_utc_s)) !== c.expect)];
console.log(failed.map((c) => `failed: ${c.name ?? c.text}\n`).join('') + `${base45.length + cases.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length ? 1 : 0;
