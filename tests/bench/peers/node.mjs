// A check-in as a good Node program would do it: TLS 1.3, JSON, the token's signature once and the
// proof's each time (in the thread pool), one transaction for all requests of a turn of the event
// loop, answers after the commit.
//   node node.mjs PORT DATABASE CERTIFICATE KEY NETWORK TOKEN_KEY_HEX PACKAGES
import { createHash, createPublicKey, randomBytes, verify } from "node:crypto";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const [port, path, certificate, key, network, tokenKeyHex, packages] = process.argv.slice(2);

let db, engine;
try {
    const Database = createRequire(packages + "/")("better-sqlite3");
    db = new Database(path);
    engine = "better-sqlite3";
} catch {
    const { DatabaseSync } = await import("node:sqlite");
    db = new DatabaseSync(path);
    engine = "node:sqlite";
}
for (const pragma of ["cache_size=-8192", "temp_store=MEMORY", "mmap_size=0", "cell_size_check=ON",
    "synchronous=FULL", "wal_autocheckpoint=12288"]) {
    db.exec("PRAGMA " + pragma);
}
const findRequest = db.prepare("SELECT visit_no FROM visit WHERE request_id = ?");
const findPass = db.prepare("SELECT pass_no, state, units FROM pass WHERE pass_id = ?");
const count = db.prepare("UPDATE counter SET n = n + 1 WHERE site = ? RETURNING n");
const addVisit = db.prepare(`INSERT INTO visit VALUES (NULL, ${Array(16).fill("?").join(", ")})`);
const addEntry = db.prepare("INSERT INTO entry VALUES (?, ?)");
const begin = db.prepare("BEGIN IMMEDIATE"), commit = db.prepare("COMMIT");

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const values = new Uint8Array(128).map((_, c) => alphabet.indexOf(String.fromCharCode(c)));
function base45(text) {
    const out = Buffer.allocUnsafe(text.length);
    let len = 0;
    for (let i = 0; i + 1 < text.length; i += 3) {
        let n = values[text.charCodeAt(i)] + 45 * values[text.charCodeAt(i + 1)];
        if (i + 2 < text.length) {
            n += 2025 * values[text.charCodeAt(i + 2)];
            out[len++] = n >> 8;
        }
        out[len++] = n & 255;
    }
    return out.subarray(0, len);
}

const ed25519 = (raw) => createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });
const check = (message, publicKey, signature) => new Promise((resolve, reject) =>
    verify(null, message, publicKey, signature, (err, ok) => err ? reject(err) : resolve(ok)));
const networkKey = ed25519(Buffer.from(tokenKeyHex, "hex"));
const tokenPrefix = Buffer.from(`passerelle-token/v1\0${network}\0`);
const proofPrefix = Buffer.from("passerelle-proof/v1\0");
const known = new Map(); // tokens by hash

async function tokenOf(bytes, hash) {
    const name = hash.toString("latin1");
    let token = known.get(name);
    if (token === undefined) {
        const payload = bytes.subarray(0, -68);
        if (!await check(Buffer.concat([tokenPrefix, payload]), networkKey, bytes.subarray(-64))) {
            throw new Error("token");
        }
        // Fields 1 (16 bytes), 2 (fixed32) and 3 (32 bytes) stand first.
        token = { passId: payload.subarray(2, 18), device: ed25519(payload.subarray(25, 57)) };
        known.set(name, token);
    }
    return token;
}

const waiting = [];
function flush() {
    const group = waiting.splice(0);
    begin.run();
    for (const call of group) {
        call.answer = checkIn(call);
    }
    commit.run();
    for (const { response, answer } of group) {
        response.writeHead(200, { "Content-Type": "application/json",
            "Content-Length": Buffer.byteLength(answer) });
        response.end(answer);
    }
}

function checkIn({ request, token }) {
    const id = Buffer.from(request.requestId.replaceAll("-", ""), "hex");
    if (findRequest.get(id) !== undefined) {
        return '{"accepted":true}';
    }
    const pass = findPass.get(token.passId);
    if (pass === undefined || pass.state !== 1) {
        return '{"accepted":false}';
    }
    const site = Number(request.siteId.slice(1));
    const entryId = BigInt(site) << 40n | BigInt(count.get(site).n);
    const now = Date.now();
    addVisit.run(id, site, pass.pass_no, "desk", 1, now, null, Math.floor(now / 864e5), 3,
        "carnet-10", "member-012", 1, 1500, 0, "tablet-1", entryId);
    addEntry.run(entryId, randomBytes(300));
    return JSON.stringify({ accepted: true, visit: { visitId: request.requestId,
        siteId: request.siteId, resource: "RESOURCE_DESK", inUtcMs: String(now),
        state: "VISIT_STATE_OPEN" } });
}

async function handle(body, response) {
    const request = JSON.parse(body);
    const bytes = base45(request.scan.slice(4));
    const token = bytes.subarray(0, -68);
    const hash = createHash("sha256").update(token).digest();
    const seen = await tokenOf(token, hash);
    const second = Buffer.alloc(8);
    bytes.copy(second, 4, bytes.length - 68, bytes.length - 64);
    if (!await check(Buffer.concat([proofPrefix, hash, second]), seen.device, bytes.subarray(-64))) {
        throw new Error("proof");
    }
    if (waiting.push({ request, token: seen, response }) === 1) {
        setImmediate(flush);
    }
}

createServer({ cert: readFileSync(certificate), key: readFileSync(key), minVersion: "TLSv1.3" },
    (request, response) => {
        const parts = [];
        request.on("data", (part) => parts.push(part));
        request.on("end", () => handle(Buffer.concat(parts).toString(), response).catch((error) => {
            response.writeHead(500, { "Content-Length": 0 });
            response.end();
            console.error(error);
        }));
    }).listen(Number(port), "127.0.0.1",
        () => console.log(`Node ${process.version.slice(1, 3)}, ${engine}`));
