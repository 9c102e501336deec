// The same where the database's sessions are in a time zone of half hours: instants are UTC all the same.
import { checkOrders } from './check-orders.js';

checkOrders('Asia/Kolkata');
