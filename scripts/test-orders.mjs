// Runs the random cases of test/laws: npm run test:orders -- --cases 10000 --seed 42. Prints the seed that fails.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '10000' }, seed: { type: 'string' } },
});
for (const [name, text] of Object.entries(values)) {
  if (!/^-?[0-9]+$/.test(text)) {
    console.error(
      `--${name} "${text}" is not a whole number. Example: npm run test:orders -- --cases 10000 --seed 42`,
    );
    process.exit(2);
  }
}
const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 31));
console.log(`${values.cases} cases in each of two time zones, seed ${seed}.`);
const { status } = spawnSync('npx', ['vitest', 'run', 'test/laws/orders'], {
  stdio: 'inherit',
  env: { ...process.env, CASES: values.cases, SEED: seed },
});
if (status !== 0) console.error(`Seed ${seed} fails.`);
process.exit(status ?? 1);
