import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineFleet, type FleetConfig } from './define-fleet.ts';

test('it returns what it is given', () => {
  const fleet: FleetConfig = { hosts: { a: { tags: ['web'], action: 'boot' } } };
  assert.equal(defineFleet(fleet), fleet);
  const find = async (): Promise<FleetConfig> => fleet;
  assert.equal(defineFleet(find), find);
});

test('an editor knows which fields there are', () => {
  // @ts-expect-error -- a field that no host has
  assert.ok(defineFleet({ hosts: { a: { prot: 22 } } }));
  // @ts-expect-error -- no such action
  assert.ok(defineFleet({ defaults: { action: 'swich' } }));
  // @ts-expect-error -- a tag gives no tags
  assert.ok(defineFleet({ tags: { web: { tags: ['x'] } } }));
  assert.ok(defineFleet(() => ({ hosts: { a: { action: 'boot', become: 'sudo' } } })));
});
