/** What the person who runs this can put right: said without a stack. */
export class Complaint extends Error {}
