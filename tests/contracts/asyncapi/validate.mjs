// Parses AsyncAPI documents with all that they refer to; prints what each is or what is wrong with it, and
// exits 1 when any has an error. Loading the parser takes longer than parsing: give it all at once.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Parser } from '@asyncapi/parser';

const parser = new Parser();
for (const name of process.argv.slice(2)) {
  const file = resolve(name);
  const { document, diagnostics } = await parser.parse(await readFile(file, 'utf8'), { source: file });
  const wrong = diagnostics.filter((one) => one.severity === 0);
  for (const one of wrong) console.error(`${file}: ${one.path.join('.')}: ${one.message}`);
  if (wrong.length || !document) {
    process.exitCode = 1;
    continue;
  }
  console.log(
    `${file}: AsyncAPI ${document.version()}: ${document.allChannels().length} channels,` +
      ` ${document.allOperations().length} operations, ${document.allMessages().length} messages`,
  );
}
