// A log and a witness of another organisation, in a language that is not ours and from the specifications alone
// (C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-witness; RFC 6962). Keys come from a word.
//   stranger.mjs vkey NAME WORD [4]                            the verifier key of a log (or cosigner)
//   stranger.mjs submit URL CA NAME WORD OLD SIZE FORK VKEY    brings the checkpoint of SIZE entries, those from FORK on
//                                                              another history's; what the witness with VKEY answers
//   stranger.mjs witness NAME WORD CERT KEY LOG_VKEY...        serves; says its port; GET /state says what it cosigned
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:https';

const b64 = (s) => Buffer.from(s, 'base64');
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const node = (l, r) => sha256(Buffer.of(1), l, r);

// ---- trees
const half = (n) => { let k = 1; while (k * 2 < n) k *= 2; return k; };
const root = (d) => d.length === 0 ? sha256() : d.length === 1 ? d[0]
  : node(root(d.slice(0, half(d.length))), root(d.slice(half(d.length))));
function subproof(m, d, whole) {
  if (m === d.length) return whole ? [] : [root(d)];
  const k = half(d.length);
  return m <= k ? [...subproof(m, d.slice(0, k), whole), root(d.slice(k))]
    : [...subproof(m - k, d.slice(k), false), root(d.slice(0, k))];
}
function extendsFrom(old, oldRoot, size, newRoot, proof) { // RFC 9162 section 2.1.4
  if (old === 0) return proof.length === 0;
  if (old === size) return proof.length === 0 && oldRoot.equals(newRoot);
  const path = (old & (old - 1)) === 0 ? [oldRoot, ...proof] : proof;
  if (path.length === 0) return false;
  let fn = old - 1, sn = size - 1, [fr] = path, [sr] = path;
  while (fn & 1) { fn >>= 1; sn >>= 1; }
  for (const c of path.slice(1)) {
    if (sn === 0) return false;
    if (fn & 1 || fn === sn) {
      fr = node(c, fr); sr = node(c, sr);
      while (!(fn & 1) && fn) { fn >>= 1; sn >>= 1; }
    } else sr = node(sr, c);
    fn >>= 1; sn >>= 1;
  }
  return sn === 0 && fr.equals(oldRoot) && sr.equals(newRoot);
}

// ---- notes
function keyOf(name, word, type) {
  const seed = sha256(Buffer.from(word));
  const secret = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' });
  const raw = createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32), bytes = Buffer.concat([Buffer.of(type), raw]);
  const id = sha256(Buffer.from(`${name}\n`), bytes).subarray(0, 4);
  return { name, secret, id, vkey: `${name}+${id.toString('hex')}+${bytes.toString('base64')}` };
}
function parseVkey(vkey) {
  const [name, id, ...rest] = vkey.split('+'), bytes = b64(rest.join('+'));
  const key = createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes.subarray(1)]), format: 'der', type: 'spki' });
  return { name, id, type: bytes[0], key };
}
const lineOf = (key, signature) => `— ${key.name} ${Buffer.concat([key.id, signature]).toString('base64')}\n`;
const cosigned = (text, time) => Buffer.from(`cosignature/v1\ntime ${time}\n${text}`);
function cosign(key, text, time) {
  const stamp = Buffer.alloc(8);
  stamp.writeBigUInt64BE(BigInt(time));
  return lineOf(key, Buffer.concat([stamp, sign(null, cosigned(text, time), key.secret)]));
}
function signedBy({ name, id, type, key }, text, lines) { // the time for a cosignature, 1 for a log; 0: not, or badly
  for (const line of lines.split('\n')) {
    const [dash, who, sig] = line.split(' '), bytes = b64(sig ?? '');
    if (dash !== '—' || who !== name || bytes.toString('hex', 0, 4) !== id) continue;
    const time = type === 4 ? Number(bytes.readBigUInt64BE(4)) : 1;
    const good = type === 4 ? verify(null, cosigned(text, time), key, bytes.subarray(12)) : verify(null, Buffer.from(text), key, bytes.subarray(4));
    return good ? time : 0;
  }
  return 0;
}

// ---- the log
async function submit(url, ca, name, word, old, size, fork, vkey) {
  const leaf = (i) => sha256(Buffer.of(0), Buffer.from(`${i < fork ? 'entry' : 'another'} ${i}`));
  const leaves = Array.from({ length: size }, (_, i) => leaf(i)), key = keyOf(name, word, 1);
  const text = `${name}\n${size}\n${root(leaves).toString('base64')}\n`;
  const proof = old > 0 && old < size ? subproof(old, leaves, true) : [];
  const body = [`old ${old}`, ...proof.map((hash) => hash.toString('base64')), '', text].join('\n') + '\n' + lineOf(key, sign(null, Buffer.from(text), key.secret));
  return new Promise((resolve, reject) => request(`${url}/add-checkpoint`, { method: 'POST', ca: readFileSync(ca) }, (answer) => {
    const parts = [];
    answer.on('data', (part) => parts.push(part)).on('end', () => {
      const said = Buffer.concat(parts).toString();
      resolve({ status: answer.statusCode, type: answer.headers['content-type'], body: said,
        time: answer.statusCode === 200 && vkey ? signedBy(parseVkey(vkey), text, said) : 0 });
    });
  }).on('error', reject).end(body));
}

// ---- the witness
function serve(name, word, cert, key, ...vkeys) {
  const logs = new Map(vkeys.map(parseVkey).map((log) => [log.name, { ...log, size: 0, root: sha256(), requests: 0 }]));
  const mine = keyOf(name, word, 4);
  let mood = 'honest';
  function decide(body) {
    const [head, ...rest] = body.split('\n\n'), note = rest.join('\n\n'), at = note.lastIndexOf('\n\n');
    const [old, ...proof] = head.split('\n'), text = note.slice(0, at + 1), [origin, size, rootText] = text.split('\n');
    const log = logs.get(origin);
    if (!log) return [404, 'unknown log\n'];
    log.requests++;
    if (mood === 'busy') return [503, 'come back later\n'];
    if (!signedBy(log, text, note.slice(at + 2))) return [403, 'not signed\n'];
    if (Number(old.slice(4)) > Number(size)) return [400, 'old size\n'];
    if (Number(old.slice(4)) !== log.size) return [409, `${log.size}\n`, 'text/x.tlog.size'];
    if (!extendsFrom(log.size, log.root, Number(size), b64(rootText), proof.map(b64))) return [422, 'no extension\n'];
    log.size = Number(size);
    log.root = b64(rootText);
    const line = cosign(mine, text, Math.floor(Date.now() / 1000));
    return [200, mood === 'liar' ? cosign(mine, text + 'x', 1) : line];
  }
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (ask, answer) => {
    const parts = [];
    ask.on('data', (part) => parts.push(part)).on('end', () => {
      let [status, body, type = 'text/plain'] = [404, 'nothing here\n'];
      if (ask.method === 'POST' && ask.url === '/prefix/add-checkpoint') [status, body, type = 'text/plain'] = decide(Buffer.concat(parts).toString());
      else if (ask.url.startsWith('/mood/')) [status, body] = [200, mood = ask.url.slice(6)];
      else if (ask.url === '/forget') { for (const log of logs.values()) { log.size = 0; log.root = sha256(); } [status, body] = [200, 'ok']; }
      else if (ask.url === '/state') [status, body] = [200, JSON.stringify(Object.fromEntries([...logs].map(([k, { size, requests }]) => [k, { size, requests }])))];
      answer.writeHead(status, { 'Content-Type': type }).end(body);
    });
  }).listen(0, '127.0.0.1', () => console.log(server.address().port));
}

const [mode, ...words] = process.argv.slice(2);
if (mode === 'vkey') console.log(keyOf(words[0], words[1], Number(words[2] ?? 1)).vkey);
else if (mode === 'submit') console.log(JSON.stringify(await submit(...words.slice(0, 4), ...words.slice(4, 7).map(Number), words[7])));
else serve(...words);
