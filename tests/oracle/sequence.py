#!/usr/bin/env python3
"""Three months in a row with late, corrected and voided stays, closed by the daemon's services and by the rules.

    sequence.py CLOSES [COUNT] [FIRST_SEED]

CLOSES plays a folder and prints its settlement documents (closes.c). The network and its first month come from
generate.py; the next two months and what comes late are drawn here, from the same seed.
"""
import collections
import csv
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile

import generate
import rules

MONTHS = 3


def next_month(month):
    return rules.month_of(rules.last_of_month(month) + datetime.timedelta(days=1))


class Story:
    """What is told before each close."""

    def __init__(self, seed, folder):
        self.random = random.Random('sequence %d' % seed)
        self.generator = generate.Generator(seed)
        self.folder = folder
        months = [self.generator.month]
        while len(months) < MONTHS:
            months.append(next_month(months[-1]))
        self.months = months
        self.add_carnets()
        self.generator.write(folder)
        os.remove(os.path.join(folder, 'visits-%s.csv' % months[0]))
        self.columns = generate.COLUMNS['visits'].split(',')
        self.places = sorted({(row[1], row[3]) for row in self.generator.tables['visits']})
        self.holders = sorted({row[2] for row in self.generator.tables['visits']})
        self.standing = {}      # visit id -> its row
        for i in range(MONTHS):
            self.write_close(i)

    def add_carnets(self):
        """Carnets of the later months, for plans that have some."""
        plans = sorted({row[1] for row in self.generator.tables['carnets']})
        for i, month in enumerate(self.months[1:]):
            for plan in self.random.sample(plans, min(2, len(plans))):
                bought = rules.first_of_month(month) + datetime.timedelta(days=self.random.randrange(20))
                self.generator.add('carnets', carnet_id='%s-late%d' % (plan, i), plan_id=plan,
                                   units=self.random.randint(1, 6), price_cents=self.random.randrange(1000, 9000),
                                   bought_on=bought, valid_months=self.random.choice([1, 2, 6]))

    def new_stay(self, month, like=None):
        r = self.random
        day = rules.first_of_month(month) + datetime.timedelta(days=r.randrange(28))
        start = rules.paris_instant(day, r.randrange(6 * 60, 21 * 60)) + r.randrange(60000)
        length = r.choice([r.randrange(10 * rules.MINUTE), r.randrange(5 * rules.HOUR), r.randrange(12 * rules.HOUR)])
        visit = '%012x7%03x%s%015x' % (start, r.randrange(4096), r.choice('89ab'), r.randrange(16 ** 15))
        visit = '-'.join([visit[:8], visit[8:12], visit[12:16], visit[16:20], visit[20:]])
        site, resource = r.choice(self.places)
        holder = r.choice(self.holders)
        if like:
            site, resource, holder = like['site_id'], like['resource'], like['holder_id']
        out = generate.instant_text(start + length) if like or r.random() < 0.9 else ''
        return dict(visit_id=visit, site_id=site, holder_id=holder, resource=resource,
                    check_in=generate.instant_text(start), check_out=out,
                    medium=r.choice(['phone', 'card']), source='paper')

    def write_close(self, i):
        r = self.random
        rows = []
        if i == 0:
            told = {row[0]: dict(zip(self.columns, row)) for row in self.generator.tables['visits']}
            rows += [dict(row, status='stay') for row in told.values()]
        else:
            rows += [dict(self.new_stay(self.months[i]), status='stay') for _ in range(r.randint(30, 150))]
        for late in self.months[:i]:
            rows += [dict(self.new_stay(late), status='stay') for _ in range(r.randint(1, 8))]
        changeable = sorted(self.standing) + [row['visit_id'] for row in rows[:20]]
        self.standing.update((row['visit_id'], row) for row in rows)
        changed = r.sample(changeable, min(len(changeable), r.randint(4, 16)))
        for n, visit in enumerate(changed):
            old = self.standing.pop(visit)
            if n % 2:
                rows.append(dict(old, status='void'))
            else:
                month = rules.month_of(rules.paris_day(rules.parse_instant(old['check_in'])))
                rows.append(dict(self.new_stay(month, old), status='replaces=' + visit))
                # not touched again: the two sides may know it by different ids
        r.shuffle(rows)
        with open(os.path.join(self.folder, 'close-%s.csv' % self.months[i]), 'w', encoding='utf-8',
                  newline='') as file:
            writer = csv.DictWriter(file, self.columns + ['status'], lineterminator='\n')
            writer.writeheader()
            writer.writerows(rows)


def word(value, prefix):
    return value[len(prefix):].lower()


def line_text(line):
    """As rules.show_lines() shows it."""
    kind = word(line['kind'], 'LINE_KIND_')
    resource, unit = word(line.get('resource', ''), 'RESOURCE_'), word(line.get('unit', ''), 'UNIT_')
    if kind in ('carnet', 'subscription'):
        return '%s %s' % (kind, line['planId'])
    if kind == 'charge':
        return 'charge %s %s' % (resource, unit)
    return '%s %s %s' % (line['siteId'], resource, unit) if kind == 'host' else ''


def cents(entry, key):
    return int(entry.get(key, 0))


def describe(documents, credit):
    employers, hosts, fees = {}, [], collections.defaultdict(lambda: [0, 0, 0, 0])
    for d in documents:
        if d.get('creditNote', False) != credit:
            continue
        kind = word(d['kind'], 'DOCUMENT_KIND_')
        amounts = {key + '_cents': cents(d, key + 'Cents') for key in ('net', 'vat', 'gross')}
        seller, buyer, lines = d['sellerMemberId'], d['buyerId'], len(d['lines'])
        assert all((cents(line, 'quantity') < 0) == credit for line in d['lines']), d
        if kind == 'employer_invoice':
            assert buyer not in employers, 'two documents of one kind for %s' % buyer
            employers[buyer] = {'issuer': seller, 'lines': lines, **amounts}
        elif kind == 'host_invoice':
            hosts.append({'host': seller, 'issuer': buyer, 'lines': lines, **amounts})
        elif kind == 'fee_invoice':
            fees[buyer][:3] = amounts.values()
        else:
            fees[buyer][3] = amounts['gross_cents']
    keys = ['net_cents', 'vat_cents', 'gross_cents', 'subsidy_cents']
    return {'employers': employers, 'host_invoices': hosts,
            'fee_invoices': [{'issuer': i, **dict(zip(keys, fees[i]))} for i in sorted(fees) if any(fees[i])]}


def late_of(document):
    late = collections.defaultdict(lambda: collections.defaultdict(list))
    for d in document.get('documents', []):
        kind = word(d['kind'], 'DOCUMENT_KIND_').split('_')[0]
        name = kind + ' ' + d['buyerId'] if kind != 'host' else 'host %s %s' % (d['sellerMemberId'], d['buyerId'])
        for line in d['lines']:
            if line['month'] != document['month']:
                late[line['month']][name].append((line_text(line), cents(line, 'priceCents'), cents(line, 'quantity')))
    return {month: {name: sorted(lines) for name, lines in names.items()} for month, names in late.items()}


def late_expected(late):
    """Without lines of price 0, which no document has."""
    result = {}
    for month, names in late.items():
        names = {name: sorted((line['line'], line['price_cents'], line['quantity']) for line in lines
                              if line['price_cents']) for name, lines in names.items()}
        names = {name: lines for name, lines in names.items() if lines}
        if names:
            result[month] = names
    return result


def positions(entries):
    return {p['memberId']: cents(p, 'cents') for p in entries}


def as_rules(document):
    """A settlement document in the shape of rules.sequence()."""
    d, documents = document, document.get('documents', [])
    count = {key: cents(d, name) for key, name in (
        ('stays', 'stays'), ('visit_days', 'visitDays'), ('half_days', 'halfDays'), ('days', 'days'),
        ('room_hours', 'roomHours'), ('units_used', 'unitsUsed'))}
    flags = {key: cents(d, name) for key, name in (
        ('auto_closed', 'autoClosed'), ('cut_short', 'cutShort'), ('grace', 'grace'),
        ('outside_validity', 'outsideValidity'), ('overdraft', 'overdraft'))}
    sites = {s['siteId']: {'half_days': cents(s, 'halfDays'), 'days': cents(s, 'days'),
                           'room_hours': cents(s, 'roomHours'), 'host_cents': cents(s, 'hostCents')}
             for s in d.get('sites', [])}
    return {'month': d['month'], **count, 'flags': flags, 'sites': sites, 'late': late_of(d),
            **describe(documents, False), 'credit_notes': describe(documents, True),
            'brought': positions(d.get('carriedIn', [])), 'positions': positions(d['positions']),
            'carried': positions(d.get('carried', [])), 'nonzero': cents(d, 'nonzero'),
            'paid_cents': cents(d, 'paidCents')}


def expected_of(result):
    def without_zeros(described):
        fees = [f for f in described['fee_invoices'] if any(v for k, v in f.items() if k != 'issuer')]
        return dict(described, fee_invoices=fees)
    result = without_zeros(dict(result, late=late_expected(result['late']),
                                credit_notes=without_zeros(result['credit_notes'])))
    return result


def check(closes, seed):
    """What is wrong with this seed, or None; and how much was late."""
    with tempfile.TemporaryDirectory() as folder:
        Story(seed, folder)
        expected = [expected_of(r) for r in rules.sequence(folder)]
        run = subprocess.run([closes, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if run.returncode:
            return '%s ended with %d: %s' % (closes, run.returncode, run.stderr[-300:]), 0
        results = [as_rules(d) for d in json.loads(run.stdout)]
    for want, got in zip(expected, results):
        for key in want:
            if want[key] != got.get(key):
                return '%s, %s:\n  the rules %r\n  the close %r' % (want['month'], key, want[key], got.get(key)), 0
        if set(want) != set(got):
            return 'other keys: %s' % (set(want) ^ set(got)), 0
    notes = sum(len(r['credit_notes']['employers']) + len(r['credit_notes']['host_invoices']) for r in expected)
    return None, min(notes, len(expected[-1]['late']), len(expected[1]['late']))


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    count = int(arguments[1]) if len(arguments) > 1 else 6
    first = int(arguments[2]) if len(arguments) > 2 else 1
    failed, rich = 0, 0
    for seed in range(first, first + count):
        wrong, late = check(arguments[0], seed)
        rich += late > 0
        if wrong:
            failed += 1
            print('seed %d: %s' % (seed, wrong))
    print('%d passed, %d failed (late entries and credit notes in %d)' % (count - failed, failed, rich))
    return 1 if failed or (count >= 4 and rich < count // 2) else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
