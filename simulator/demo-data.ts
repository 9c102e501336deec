// The demonstration's world: August to October 2025 of four fictional customers, the same on every machine.
import { CallMaker } from './demo/calls.js';
import { ConversationMaker } from './demo/conversations.js';
import { demoSlots } from './demo/slots.js';
import {
  callText,
  conversationSummaryText,
  conversationText,
  type CallFacts,
  type ConversationFacts,
} from './records.js';
import { World } from './world.js';

export { demoCredentials, demoMapping, type DemoMapping } from './demo/mapping.js';
export { demoFigures } from './demo/slots.js';

/** Adds a made call; its text is made when it is first asked for. */
export function addCallFacts(world: World, call: CallFacts): void {
  world.addLazily('call', {
    id: call.sid,
    at: call.startMs ?? call.createdMs,
    ...(call.price === null ? {} : { settledAt: call.pricedMs }),
    render: (settled) => callText(call, settled),
  });
}

/** Adds a made conversation; its cost is known a minute after its end. */
export function addConversationFacts(world: World, conversation: ConversationFacts): void {
  const settledAt = (conversation.startSecs + conversation.durationSecs + 60) * 1000;
  world.addLazily('conversation', {
    id: conversation.id,
    at: conversation.startSecs * 1000,
    agentId: conversation.agentId,
    ...(conversation.cost === 'null' ? {} : { settledAt }),
    render: (settled) => conversationText(conversation, settled),
    renderSummary: (settled) => conversationSummaryText(conversation, settled),
  });
}

/**
 * The demonstration's records. By the world's usual clock everything has happened and every price is known;
 * `setNow` takes it back to a day on which later calls and prices (some of them days late) are not there yet.
 */
export function demoWorld(): World {
  const world = new World();
  const callMaker = new CallMaker();
  const conversationMaker = new ConversationMaker();
  for (const slot of demoSlots()) {
    const calls = callMaker.make(slot);
    for (const call of calls) addCallFacts(world, call);
    for (const conversation of conversationMaker.make(slot, calls)) addConversationFacts(world, conversation);
  }
  return world;
}
