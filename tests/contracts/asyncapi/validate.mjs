// Parses an AsyncAPI document with all that it refers to; prints what is wrong and exits 1 for an error.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Parser } from '@asyncapi/parser';

const file = resolve(process.argv[2]);
const parser = new Parser();
const { document, diagnostics } = await parser.parse(await readFile(file, 'utf8'), { source: file });
const wrong = diagnostics.filter((one) => one.severity === 0);
for (const one of wrong) console.error(`${one.path.join('.')}: ${one.message}`);
if (wrong.length || !document) process.exit(1);
console.log(
  `AsyncAPI ${document.version()}: ${document.allChannels().length} channels,` +
    ` ${document.allOperations().length} operations, ${document.allMessages().length} messages`,
);
