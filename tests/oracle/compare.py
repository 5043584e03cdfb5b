#!/usr/bin/env python3
"""Compares a result of the daemon with the oracle's, and verifies its transfers (rule 18).

    compare.py EXPECTED RESULT operator|direct

Keys and lists must come in the same order; `transfers` is not compared but must bring all positions to 0.
"""
import collections
import json
import sys

FEWEST_UP_TO = 16       # positions not 0; the rule says 20, but this check takes 2^n steps


def first_difference(expected, result, path='result'):
    if isinstance(expected, dict) and isinstance(result, dict):
        if list(expected) != list(result):
            missing, more = set(expected) - set(result), set(result) - set(expected)
            return '%s: missing keys %s, further keys %s%s' % (
                path, sorted(missing), sorted(more), '' if missing or more else ', other order of keys')
        pairs = [(expected[k], result[k], '%s.%s' % (path, k)) for k in expected]
    elif isinstance(expected, list) and isinstance(result, list):
        if len(expected) != len(result):
            return '%s: %d items expected, %d given' % (path, len(expected), len(result))
        pairs = [(e, r, '%s[%d]' % (path, i)) for i, (e, r) in enumerate(zip(expected, result))]
    elif type(expected) is type(result) and expected == result:
        return None
    else:
        return '%s: %r expected, %r given' % (path, expected, result)
    return next(filter(None, (first_difference(*pair) for pair in pairs)), None)


def fewest_transfers(positions):
    """Positions not 0, less the most groups of sum 0 that they can be divided into."""
    sums, groups = [0], [0]
    for mask in range(1, 1 << len(positions)):
        low = (mask & -mask).bit_length() - 1
        sums.append(sums[mask & (mask - 1)] + positions[low])
        best = max(groups[mask ^ (1 << i)] for i in range(len(positions)) if mask >> i & 1)
        groups.append(best + (sums[mask] == 0))
    return len(positions) - groups[-1]


def wrong_transfers(expected, transfers, mode):
    """What is wrong with the transfers, or None."""
    positions = collections.Counter(expected['positions'])
    operator = 'op'     # so called by the generator and in the reference data
    for member, cents in expected['carried'].items():
        positions[member] -= cents
        positions[operator] += cents
    left = [cents for cents in positions.values() if cents]
    others = [m for m, cents in positions.items() if cents and m != operator]
    for t in transfers:
        if list(t) != ['from', 'to', 'cents']:
            return 'transfer with keys %s' % list(t)
        if t['cents'] <= 0 or t['from'] == t['to']:
            return 'transfer %r' % t
        if mode == 'operator' and operator not in (t['from'], t['to']):
            return 'transfer past the operator: %r' % t
        positions[t['from']] += t['cents']
        positions[t['to']] -= t['cents']
    if any(positions.values()):
        return 'the transfers leave %r' % {m: c for m, c in positions.items() if c}
    if mode == 'operator' and len(transfers) != len(others):
        return '%d transfers for %d members' % (len(transfers), len(others))
    if mode == 'direct' and len(transfers) > max(0, len(left) - 1):
        return '%d transfers for %d positions' % (len(transfers), len(left))
    if mode == 'direct' and len(left) <= FEWEST_UP_TO:
        fewest = fewest_transfers(left)
        if len(transfers) != fewest:
            return '%d transfers where %d are enough' % (len(transfers), fewest)
    return None


def main(arguments):
    with open(arguments[0], encoding='utf-8') as file:
        expected = json.load(file)
    try:
        with open(arguments[1], encoding='utf-8') as file:
            result = json.load(file)
    except ValueError as error:
        print('the result is not JSON: %s' % error)
        return 1
    if not isinstance(result, dict) or 'transfers' not in result:
        print('the result has no transfers')
        return 1
    transfers = result.pop('transfers')
    wrong = first_difference(expected, result) or wrong_transfers(expected, transfers, arguments[2])
    if wrong:
        print(wrong)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
