// L1, L2, L3: whatever the order in which the world sends its facts, the final tables are those of the oracle.
import { checkOrders } from './check-orders.js';

checkOrders('UTC');
