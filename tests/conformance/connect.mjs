// The server under @connectrpc/connect-node, with code generated from echo.proto, over HTTP/1.1.
// Usage: node connect.mjs ECHO_SERVER GENERATED_DIR. One line per check; exit code 1 if one fails.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { compressionGzip, createConnectTransport } from "@connectrpc/connect-node";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const [serverPath, generated] = process.argv.slice(2).map((path) => resolve(path));
const { EchoService, FailDetailSchema } = await import(join(generated, "echo_pb.js"));
const dir = mkdtempSync(join(tmpdir(), "connect-"));
const server = spawn(serverPath, [dir, "heartbeat_ms=200"], { stdio: ["pipe", "pipe", "inherit"] });
const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
const port = Number((await lines.next()).value.split(" ")[1]);
const file = (name) => readFileSync(join(dir, name));

function client(options = {}, who) {
  const nodeOptions = { ca: file("ca.pem") };
  if (who) {
    Object.assign(nodeOptions, { cert: file(`${who}.pem`), key: file(`${who}.key`) });
  }
  return createClient(EchoService, createConnectTransport({
    baseUrl: `https://localhost:${port}`, httpVersion: "1.1", nodeOptions,
    acceptCompression: [], ...options,
  }));
}

async function fails(promise, code) {
  const error = await promise.then(() => assert.fail("it did not fail"), (e) => ConnectError.from(e));
  assert.equal(Code[error.code], Code[code], error.message);
  return error;
}

const headersOf = (into) => ({ onHeader: (headers) => Object.assign(into, Object.fromEntries(headers)) });

const checks = {};
for (const useBinaryFormat of [true, false]) {
  for (const gzip of [false, true]) {
    const options = { useBinaryFormat };
    if (gzip) {
      Object.assign(options, { acceptCompression: [compressionGzip],
                               sendCompression: compressionGzip, compressMinBytes: 0 });
    }
    const name = `${useBinaryFormat ? "proto" : "json"}${gzip ? " gzip" : ""}`;
    checks[`unary, ${name}`] = async () => {
      const headers = {};
      const text = "é".repeat(2000);
      const reply = await client(options).echo(
        { text, data: new Uint8Array([0, 255]), number: -9223372036854775808n }, headersOf(headers));
      assert.equal(reply.text, text);
      assert.deepEqual([...reply.data], [0, 255]);
      assert.equal(reply.number, -9223372036854775808n);
      assert.equal(headers["content-encoding"], gzip ? "gzip" : undefined);
      assert.equal((await client(options).record({ text: "x", delayMs: 10 })).text, "x");
    };
    checks[`GET, ${name}`] = async () => {
      const headers = {};
      const reply = await client({ ...options, useHttpGet: true })
        .echo({ text: "get ünd =&?+", number: 5n }, headersOf(headers));
      assert.equal(reply.text, "get ünd =&?+");
      assert.match(headers["cache-control"] ?? "", /private/, "it was not a GET");
    };
    checks[`stream, ${name}`] = async () => {
      let at = 0n;
      for await (const message of client(options).count({ upTo: 300n, padding: 2000 })) {
        assert.equal(message.event.case, "number");
        assert.equal(message.event.value.value, ++at);
      }
      assert.equal(at, 300n);
    };
    checks[`error details, ${name}`] = async () => {
      const error = await fails(client(options).fail({ code: "resource_exhausted" }), Code.ResourceExhausted);
      assert.equal(error.rawMessage, 'It fails "always": é.');
      const [detail] = error.findDetails(FailDetailSchema);
      assert.deepEqual([detail.field, detail.limit], ['qu"ota', 9007199254740993n]);
    };
  }
}

checks["every code arrives as itself"] = async () => {
  for (let code = 1; code <= 16; code++) {
    const name = Code[code].replace(/[A-Z]/g, (c, i) => (i ? "_" : "") + c.toLowerCase());
    await fails(client().fail({ code: name }), code);
  }
};
checks["time to retry"] = async () => {
  const error = await fails(client().fail({ code: "unavailable" }), Code.Unavailable);
  assert.equal(error.metadata.get("retry-after"), "1");
};
checks["metadata both ways"] = async () => {
  const sent = { headers: { "echo-metadata": "là".normalize("NFD").length + " words" } };
  const headers = {}, trailers = {};
  await client().echo({}, { ...sent, ...headersOf(headers),
                            onTrailer: (t) => Object.assign(trailers, Object.fromEntries(t)) });
  assert.equal(headers["echo-metadata"], "3 words");
  assert.equal(trailers["echo-trailer"], "3 words");
  assert.match(headers["passerelle-call"], /^[0-9a-f]{16}$/);
  const end = {};
  for await (const _ of client().count({ upTo: 2n }, {
    ...sent, onTrailer: (t) => Object.assign(end, Object.fromEntries(t)) })) {}
  assert.equal(end["echo-trailer"], "3 words");
};
checks["time to retry, typed"] = async () => {
  const error = await fails(client().fail({ code: "unavailable" }), Code.Unavailable);
  const retry = error.details.find((detail) => detail.type === "google.rpc.RetryInfo");
  assert.deepEqual([...retry.value], [0x0a, 2, 8, 1]); // retry_delay { seconds: 1 }
};
checks["deadline"] = async () => {
  await fails(client().record({ delayMs: 900 }, { timeoutMs: 150 }), Code.DeadlineExceeded);
  assert.equal((await client().record({ text: "ok" }, { timeoutMs: 5000 })).text, "ok");
};
checks["no such method"] = () => fails(client().missing({}), Code.Unimplemented);
checks["an error within a stream"] = async () => {
  let seen = 0;
  await fails((async () => {
    for await (const _ of client().count({ upTo: 9n, failAt: 4n })) {
      seen++;
    }
  })(), Code.DataLoss);
  assert.equal(seen, 3);
};
checks["heartbeats, and leaving a stream"] = async () => {
  let beats = 0;
  for await (const message of client().count({ silent: true })) {
    assert.equal(message.event.case, "heartbeat");
    if (++beats === 2) {
      break;
    }
  }
  assert.equal(beats, 2);
};
checks["client certificate"] = async () => {
  await fails(client().secret({}), Code.Unauthenticated);
  await fails(client({}, "site").secret({}), Code.PermissionDenied);
  assert.match((await client({}, "operator").secret({})).text, /^[0-9a-f]{16}$/);
  assert.equal((await client({}, "site").echo({})).party, "s-1");
  await assert.rejects(client({}, "stranger").echo({}), ConnectError);
};
checks["bearer key"] = async () => {
  const headers = { authorization: "Bearer employer-key" };
  assert.equal((await client().echo({}, { headers })).role, "employer");
  await fails(client().echo({}, { headers: { authorization: "Bearer x" } }), Code.Unauthenticated);
};
checks["many at once"] = async () => {
  const one = client();
  const replies = await Promise.all(Array.from({ length: 200 }, (_, i) => one.echo({ number: BigInt(i) })));
  replies.forEach((reply, i) => assert.equal(reply.number, BigInt(i)));
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}: ${error.stack}`);
  }
}
server.stdin.end();
rmSync(dir, { recursive: true, force: true });
process.exit(failed === 0 ? 0 : 1);
