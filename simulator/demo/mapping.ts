// Who owns what in the demonstration: four fictional customers, their numbers and agents, and the price of a credit.

/** Obviously fake, and accepted by the simulator alone. */
export const demoCredentials = {
  twilio: {
    accountSid: 'AC00000000000000000000000000000de0',
    authToken: 'demonstration-only-no-secret',
    apiKey: 'SK00000000000000000000000000000de0',
    apiSecret: 'demonstration-only-no-secret-either',
  },
  elevenlabs: { apiKey: 'demonstration-only-no-key' },
} as const;

export interface DemoMapping {
  workspaces: { id: number; name: string }[];
  /** `valid_from` and `valid_to` are ISO 8601 or null. */
  workspace_phones: {
    phone_number: string;
    workspace_id: number;
    is_primary: boolean;
    valid_from: string | null;
    valid_to: string | null;
  }[];
  workspace_agents: { agent_id: string; workspace_id: number }[];
  credit_rates: { valid_from: string; usd_per_credit: string }[];
}

/** The number that changed hands, and when. */
export const movedNumber = '+16465550170';
export const movedAt = '2025-09-15T00:00:00Z';

/** All numbers lie in ranges reserved for fiction: 555-01xx in North America, 07700 900xxx in Britain. */
const phones: readonly (readonly [number: string, workspaceId: number])[] = [
  ['+12025550110', 1],
  ['+12025550111', 1],
  ['+13125550140', 4],
  ['+13125550141', 4],
  ['+13125550142', 4],
  ['+14155550150', 5],
  ['+14155550151', 5],
  ['+447700900160', 6],
  ['+447700900161', 6],
];

/** The mapping that makes the demonstration's records fall into its workspaces. */
export const demoMapping: DemoMapping = {
  workspaces: [
    { id: 1, name: 'Harbor Street Clinic' },
    { id: 4, name: 'Meridian Solar' },
    { id: 5, name: 'Bluebird Insurance' },
    { id: 6, name: 'Copperfield Lettings' },
  ],
  workspace_phones: [
    ...phones.map(([phone_number, workspace_id], index) => ({
      phone_number,
      workspace_id,
      is_primary: phones[index - 1]?.[1] !== workspace_id,
      valid_from: null,
      valid_to: null,
    })),
    { phone_number: movedNumber, workspace_id: 5, is_primary: false, valid_from: null, valid_to: movedAt },
    { phone_number: movedNumber, workspace_id: 6, is_primary: false, valid_from: movedAt, valid_to: null },
  ],
  workspace_agents: [
    { agent_id: 'agent_01demo4solarsales0000000000', workspace_id: 4 },
    { agent_id: 'agent_01demo4solarcare00000000000', workspace_id: 4 },
    { agent_id: 'agent_01demo5claims00000000000000', workspace_id: 5 },
    { agent_id: 'agent_01demo6viewings000000000000', workspace_id: 6 },
    { agent_id: 'agent_01demo1reception00000000000', workspace_id: 1 },
  ],
  credit_rates: [
    { valid_from: '2025-01-01T00:00:00Z', usd_per_credit: '0.00022' },
    { valid_from: '2025-09-01T00:00:00Z', usd_per_credit: '0.000165' },
  ],
};

/** Numbers that call and are called although nobody owns them; their records fall to the default workspace. */
export const unmappedNumbers = ['+19175550190', '+19175550191', '+19175550192'] as const;

/** An agent that belongs to no workspace. */
export const unmappedAgent = 'agent_01demo0pilot000000000000000';

/** The numbers that a workspace has at an instant. */
export function numbersOf(workspaceId: number, atMs: number): string[] {
  return demoMapping.workspace_phones
    .filter(
      (phone) =>
        phone.workspace_id === workspaceId &&
        (phone.valid_from === null || Date.parse(phone.valid_from) <= atMs) &&
        (phone.valid_to === null || Date.parse(phone.valid_to) > atMs),
    )
    .map((phone) => phone.phone_number);
}

export function agentsOf(workspaceId: number): string[] {
  return demoMapping.workspace_agents
    .filter((agent) => agent.workspace_id === workspaceId)
    .map((agent) => agent.agent_id);
}
