// rounds.js - how long it is tried: "make faults ROUNDS=10".

/** Of what is done again and again, this many times as often as in a check. */
export const ROUNDS = Number(process.env.ROUNDS) || 1;

/** Of what is drawn by a generator. */
export const SEED = Number(process.env.SEED) || 1;
