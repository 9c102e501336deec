/** Twilio's own daily totals: one request each, the text as it came (https://www.twilio.com/docs/usage/api/usage-record). */
import { z } from 'zod';
import type { Day } from '../../activities/types.js';
import { isRecord, malformed, parseAnswer, type Speaker } from '../answers.js';
import { dayStartUnixSecs } from '../days.js';
import type { TextAnswer } from '../http-text.js';
import type { UsagePage } from '../types.js';
import { nextCursorOf } from './paging.js';

const pageSizeMax = 1000;

const usageEnvelope = z.looseObject({
  usage_records: z.array(z.custom<Record<string, unknown>>(isRecord, 'expected an object')),
  next_page_uri: z.string().nullish(),
});

/** Both dates are inclusive. Subaccounts, which Twilio adds unless told otherwise, have call lists of their own. */
export function usageFilter(category: string | null, from: Day, to: Day): Record<string, string | number> {
  dayStartUnixSecs(from);
  dayStartUnixSecs(to);
  return {
    ...(category === null ? {} : { Category: category }),
    StartDate: from,
    EndDate: to,
    IncludeSubaccounts: 'false',
    PageSize: pageSizeMax,
  };
}

/** @throws ProviderError when the answer is no page of usage records */
export function readUsage(speaker: Speaker, asked: string, answer: TextAnswer): UsagePage {
  const parsed = usageEnvelope.safeParse(parseAnswer(speaker, asked, answer));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const fact = `is no page of usage (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`;
    throw malformed(speaker, asked, answer, fact);
  }
  const nextCursor = nextCursorOf(speaker, asked, answer, parsed.data.next_page_uri);
  const counts = parsed.data.usage_records.map(({ count }) =>
    typeof count === 'string' && /^[0-9]{1,15}$/.test(count) ? Number(count) : 0,
  );
  return { recordsText: answer.body.text, counts, nextCursor };
}
