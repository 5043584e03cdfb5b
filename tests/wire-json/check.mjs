// Compares the JSON mapping of daemon/wire with @bufbuild/protobuf, which nobody here wrote, both ways,
// on generated messages and on a list of awkward texts.
//   node check.mjs HELPER DESCRIPTORS [SEED]
// HELPER is the program of helper.c, DESCRIPTORS is protoc's descriptor set of wiretest.proto. The
// package is the one that tests/conformance installs; without it the check is skipped (exit code 77).
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [helper, descriptors, seedArgument] = process.argv.slice(2);
const seed = BigInt(seedArgument ?? Date.now());
const count = 300n;
console.log(`wire-json: SEED=${seed}`);

const require = createRequire(new URL('../conformance/', import.meta.url));
try {
  require.resolve('@bufbuild/protobuf');
} catch {
  console.log('wire-json: skipped, run `npm ci` in tests/conformance first');
  process.exit(77);
}
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { createFileRegistry, fromBinary, toBinary, fromJson, toJson } =
  await load('@bufbuild/protobuf');
const { FileDescriptorSetSchema } = await load('@bufbuild/protobuf/wkt');
const contract = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
const schema = contract.getMessage('wiretest.Everything');

const ask = (lines) =>
  execFileSync(helper, { input: lines.join('\n') + '\n', maxBuffer: 1 << 28 })
    .toString().split('\n').slice(0, -1);
const hex = (bytes) => Buffer.from(bytes).toString('hex');

let failures = 0;
let checks = 0;
function check(same, what, ...details) {
  checks++;
  if (!same) {
    failures++;
    console.log(`FAILED ${what}`, ...details);
  }
}

// Key order does not matter: theirs puts the members of a oneof where the first one stands.
const canonical = (value) =>
  Array.isArray(value) ? value.map(canonical)
    : value !== null && typeof value === 'object'
      ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, canonical(value[key])]))
      : value;
const text = (value) => JSON.stringify(canonical(value));

const messages = ask(Array.from({ length: Number(count) }, (_, i) => `gen ${seed + BigInt(i)}`));
const ours = ask(messages.map((message) => `json ${message}`));
const theirs = messages.map((message) => toJson(schema, fromBinary(schema, Buffer.from(message, 'hex'))));
messages.forEach((message, i) => {
  check(text(JSON.parse(ours[i])) === text(theirs[i]), 'written alike', ours[i], text(theirs[i]));
  check(hex(toBinary(schema, fromBinary(schema, Buffer.from(message, 'hex')))) === message,
    'they encode as we do', message);
  check(hex(toBinary(schema, fromJson(schema, JSON.parse(ours[i])))) === message, 'they read ours', ours[i]);
});
const back = ask(theirs.map((json) => `proto ${JSON.stringify(json)}`));
const spelled = ask(messages.map((message) => `proto ${JSON.stringify(
  toJson(schema, fromBinary(schema, Buffer.from(message, 'hex')), { useProtoFieldName: true, enumAsInteger: true }))}`));
messages.forEach((message, i) => {
  check(back[i] === message, 'we read theirs', text(theirs[i]), back[i]);
  check(spelled[i] === message, 'and in the other spelling', spelled[i]);
});

// Both accept with the same bytes, or both refuse.
const awkward = [
  '{"anInt32":1.0}', '{"anInt32":1e2}', '{"anInt32":1.5}', '{"anInt32":"1"}', '{"anInt32":""}',
  '{"anInt32":"1e2"}', '{"anInt32":"1.0"}', '{"anInt32":2147483648}', '{"anInt32":-2147483648}',
  '{"anInt32":" 1"}', '{"anInt32":"x"}', '{"anInt32":true}', '{"anInt32":null}',
  '{"aUint32":-1}', '{"aUint32":4294967295}', '{"aUint32":4294967296}',
  '{"anInt64":"9223372036854775807"}', '{"anInt64":"9223372036854775808"}', '{"anInt64":5}',
  '{"anInt64":1.5}', '{"anInt64":"x"}', '{"aUint64":"18446744073709551615"}', '{"aUint64":"-1"}',
  '{"aBool":"true"}', '{"aBool":0}', '{"aBool":null}', '{"aString":1}', '{"aString":null}',
  '{"aBytes":"+/8="}', '{"aBytes":"-_8"}', '{"aBytes":"-_8="}', '{"aBytes":"AA"}', '{"aBytes":1}',
  '{"aColour":"COLOUR_NEGATIVE"}', '{"aColour":-3}', '{"aColour":"nope"}', '{"aColour":true}',
  '{"aColour":null}', '{"manyColour":["COLOUR_RED",7]}', '{"manyInt32":[1,null]}', '{"manyInt32":null}',
  '{"manyInt32":{}}', '{"manyLeaf":[null]}', '{"manyLeaf":[{}]}', '{"aLeaf":{}}', '{"aLeaf":[]}',
  '{"pickInt32":1,"pickBool":true}', '{"pickInt32":null,"pickBool":false}', '{"pickString":""}',
  '{"pickBytes":""}', '{"pickColour":"COLOUR_UNSPECIFIED"}', '{"pickLeaf":{}}', '{"x__y_":1}',
  '{"xY":1}', '{"line2b":1}', '{"line2B":1}', '{"nope":1}', '{"aLeaf":{"nope":1}}',
  '[]', '1', 'null', '"x"', '{"anInt32":1}x', '{"anInt32":01}', '{"an_int32":1,"anInt32":1}',
];
const answers = ask(awkward.map((json) => `proto ${json}`));
awkward.forEach((json, i) => {
  let expected;
  try {
    expected = hex(toBinary(schema, fromJson(schema, JSON.parse(json))));
  } catch {
    expected = 'refused';
  }
  const got = answers[i].startsWith('refused') ? 'refused' : answers[i];
  check(got === expected, json, `we: ${answers[i]}`, `they: ${expected}`);
});

console.log(`wire-json: ${checks - failures} passed, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
