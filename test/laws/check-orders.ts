/** The property behind L1, L2 and L3, for the files that run it side by side. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { Cleaner, Player } from './play.js';
import { steps, world } from './random-worlds.js';

/** Of each file. Set by scripts/test-orders.mjs: more cases take more time, and nothing else. */
const cases = Number(process.env['CASES'] ?? '500');
const seed = process.env['SEED'] === undefined ? undefined : Number(process.env['SEED']);

/** For whom it is enough that a case fails: then no smaller one is looked for, which takes long. */
const endOnFailure = process.env['FIRST_FAILURE'] === '1';

const day_ms = 86_400_000;

export function checkOrders(timeZone: string): void {
  let database: TestDatabase;
  let cleaner: Cleaner;
  let ledger: LedgerWorld;

  beforeAll(async () => {
    database = await createTestDatabase();
    cleaner = await Cleaner.open(database);
    ledger = await LedgerWorld.open(database, `set timezone = '${timeZone}'`);
  });

  afterAll(async () => {
    await ledger.close();
    await cleaner.close();
    await database.close();
  });

  it(
    `the final tables are a function of the newest records, the mapping and the settings (session in ${timeZone})`,
    async () => {
      const property = fc.asyncProperty(world, steps, fc.nat(1000), async (given, played, order) => {
        await cleaner.empty(given);
        const player = new Player(ledger, given);
        await player.play(played);
        await player.finish(order);
        await player.expectOracleAgrees();
      });
      const result = await fc.check(property, {
        numRuns: cases,
        endOnFailure,
        ...(seed === undefined ? {} : { seed }),
      });
      if (!result.failed) return;
      const again = `npm run test:orders -- --cases ${cases} --seed ${result.seed}`;
      expect.fail(
        `Seed ${result.seed} fails. Run it again with: ${again}\n${await fc.asyncDefaultReportMessage(result)}`,
      );
    },
    day_ms,
  );
}
