// The scenarios of `npm run chaos`, in order.
import type { Scenario } from '../scenario.ts'
import { bombs } from './bombs.ts'
import { damage } from './damage.ts'
import { disk } from './disk.ts'
import { hostile } from './hostile.ts'
import { kills } from './kills.ts'
import { mixed } from './mixed.ts'
import { redis } from './redis.ts'
import { rolling } from './rolling.ts'

export const scenarios: readonly Scenario[] = [kills, damage, disk, redis, hostile, bombs, rolling, mixed]
