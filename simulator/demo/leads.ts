// The people who are called in the demonstration: each workspace has its own, and some know several workspaces.
import { dayOf } from '../dates.js';
import type { Random } from '../random.js';

const takenAreas = new Set(['202', '312', '415', '646', '917']);
const areas: string[] = [];
for (let area = 203; areas.length < 130; area += 3) {
  const code = String(area);
  if (!takenAreas.has(code) && !code.endsWith('11')) areas.push(code);
}

/** A number that is reserved for fiction: area code, 555, 01 and two digits. */
function lead(block: number, index: number): string {
  const area = areas[block * 25 + Math.floor(index / 100)] ?? '203';
  return `+1${area}55501${String(index % 100).padStart(2, '0')}`;
}

const blockOf: Record<number, number> = { 1: 0, 4: 1, 5: 2, 6: 3 };
const sharedBlock = 4;

/** Numbers of colleagues to whom calls are transferred. Nobody owns them. */
export const deskNumbers = ['+13125550180', '+14155550181', '+12025550182', '+442079460183'] as const;

export class Leads {
  private readonly random: Random;
  /** Of a lead that several workspaces call: who called it last, and on which day. */
  private readonly lastCaller = new Map<string, string>();

  constructor(random: Random) {
    this.random = random;
  }

  /**
   * Somebody whom the workspace calls. A lead of several workspaces is called by one of them only on each day,
   * so that the call nearest to a transfer is always that workspace's own.
   */
  toCall(workspaceId: number, atMs: number): string {
    if (this.random.perMille(60)) {
      const number = lead(sharedBlock, this.random.below(400));
      const caller = `${workspaceId} ${dayOf(atMs)}`;
      const last = this.lastCaller.get(number);
      if (last === undefined || last === caller || !last.endsWith(dayOf(atMs))) {
        this.lastCaller.set(number, caller);
        return number;
      }
    }
    return lead(blockOf[workspaceId] ?? 0, this.random.below(2000));
  }

  /** Somebody whom nobody ever called. */
  neverCalled(workspaceId: number): string {
    return lead(blockOf[workspaceId] ?? 0, 2000 + this.random.below(500));
  }

  /** Whether only one workspace ever calls this lead. */
  static isExclusive(number: string): boolean {
    return areas.indexOf(number.slice(2, 5)) < sharedBlock * 25;
  }
}
