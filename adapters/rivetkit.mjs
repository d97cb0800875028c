export { batonDatabase, byNameAndKey, sleepWhenFenced } from './rivetkit.js';
