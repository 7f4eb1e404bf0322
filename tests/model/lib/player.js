// player.js - a thread that plays courses, one after the other, on the Redis whose socket it is given.
import { workerData } from 'node:worker_threads';
import { answer } from '../../http/lib/thread.js';
import { simulate } from './simulation.js';

answer((course) => simulate(workerData, course));
