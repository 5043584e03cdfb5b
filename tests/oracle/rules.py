#!/usr/bin/env python3
"""The rating and settlement rules, written a second time: an oracle for the tests.

It was written from the page of rules alone and shares nothing with the daemon. Simple beats fast here.
Python 3.11, standard library only, integers only. Numbers in comments are the numbers of the rules.

    rules.py month DIR YYYY-MM     one month from its first cut, printed like expected.json, without transfers
    rules.py sequence DIR          consecutive closes with late and corrected entries (rule 19), see sequence()

DIR holds members, sites, employers, plans, carnets, holders, tariffs (.csv) and visits-YYYY-MM.csv. stops.csv
does not count for rating. A refused line is told on stderr and left out.

What the rules leave open, and how it is read here:
- the month file may hold only stays whose Paris day is in the month; any other is refused by line;
- of an id told twice with different content the first line that is not itself refused counts, every later one is
  refused;
- `positions` names every member, also those at 0; `carried` only those carried.
"""
import collections
import csv
import datetime
import json
import os
import re
import sys

MINUTE = 60 * 1000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
HALF_DAY = 4 * HOUR + 30 * MINUTE
GRACE = 5 * MINUTE
CARRY_UNDER_CENTS = 500
EPOCH = datetime.date(1970, 1, 1).toordinal()
WEEKDAYS = ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su']
CAPACITY = {'desk': 'desks', 'meeting_room': 'meeting_rooms', 'booth': 'booths'}


class Failure(Exception):
    """The month cannot be computed: says what is missing."""


def half_up(numerator, denominator):
    """numerator / denominator to the nearest integer, halves away from zero. denominator > 0."""
    quotient = (2 * abs(numerator) + denominator) // (2 * denominator)
    return quotient if numerator >= 0 else -quotient


# ---- Time. A day is a datetime.date, an instant is UTC milliseconds since 1970. ----

def parse_instant(text):
    m = re.fullmatch(r'(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z', text)
    if not m:
        raise ValueError('not a UTC time with milliseconds: %r' % text)
    year, month, day, hour, minute, second, ms = map(int, m.groups())
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError('no such time: %r' % text)
    return midnight_utc(datetime.date(year, month, day)) + hour * HOUR + minute * MINUTE + second * 1000 + ms


def midnight_utc(day):
    return (day.toordinal() - EPOCH) * DAY


def last_sunday(year, month):
    """Of a month with 31 days."""
    day = datetime.date(year, month, 31)
    return day - datetime.timedelta(days=(day.weekday() + 1) % 7)


def paris_offset(instant):
    """Since 1996, directive 2000/84/EC: summer time between the last Sundays of March and October, 01:00 UTC."""
    year = datetime.date.fromordinal(instant // DAY + EPOCH).year
    begins = midnight_utc(last_sunday(year, 3)) + HOUR
    ends = midnight_utc(last_sunday(year, 10)) + HOUR
    return 2 * HOUR if begins <= instant < ends else HOUR


def paris_day(instant):
    return datetime.date.fromordinal((instant + paris_offset(instant)) // DAY + EPOCH)


def paris_instant(day, minutes):
    """The instant at which a Paris clock shows `minutes` since midnight of `day`; 1440 is the next midnight."""
    local = midnight_utc(day) + minutes * MINUTE
    summer = local - 2 * HOUR
    return summer if paris_offset(summer) == 2 * HOUR else local - HOUR


def first_of_month(month):
    if not re.fullmatch(r'\d{4}-\d\d', month):
        raise Failure('not a month: %r' % month)
    return datetime.date.fromisoformat(month + '-01')


def last_of_month(month):
    first = first_of_month(month)
    return (first + datetime.timedelta(days=31)).replace(day=1) - datetime.timedelta(days=1)


def month_of(day):
    return '%04d-%02d' % (day.year, day.month)


def optional_day(text):
    return datetime.date.fromisoformat(text) if text else None


def easter(year):
    """The Gregorian computus as given by Meeus, Jones and Butcher."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    f = (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    l = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * l) // 451
    month, day = divmod(h + l - 7 * m + 114, 31)
    return datetime.date(year, month, day + 1)


def is_public_holiday(day):
    """French national public holidays, Code du travail, article L3133-1."""
    if (day.month, day.day) in [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)]:
        return True
    return (day - easter(day.year)).days in (1, 39, 50)  # Easter Monday, Ascension, Whit Monday


# ---- Opening hours: the subset "DAYS SPANS; DAYS SPANS; PH off", or "24/7". ----

def matches_days(selector, day):
    for part in selector.split(','):
        if part == 'PH':
            if is_public_holiday(day):
                return True
            continue
        first, _, last = part.partition('-')
        a, b = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        if (day.weekday() - a) % 7 <= (b - a) % 7:
            return True
    return False


def closing_minutes(hours, day):
    """The last closing time on `day` in minutes since midnight, None when closed. A later rule wins."""
    closing = None
    for rule in hours.split(';'):
        rule = rule.strip()
        if rule == '24/7':
            closing = 24 * 60
            continue
        selector, _, spans = rule.partition(' ')
        if not matches_days(selector, day):
            continue
        if spans == 'off':
            closing = None
            continue
        ends = []
        for span in spans.split(','):
            m = re.fullmatch(r'(\d\d):(\d\d)-(\d\d):(\d\d)', span.strip())
            if not m:
                raise Failure('opening hours not understood: %r' % hours)
            ends.append(int(m.group(3)) * 60 + int(m.group(4)))
        closing = max(ends)
    return closing


# ---- The network ----

def read_rows(path):
    with open(path, encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


class Network:
    def __init__(self, folder):
        def table(name, key):
            return {row[key]: row for row in read_rows(os.path.join(folder, name + '.csv'))}
        self.members = table('members', 'member_id')
        self.sites = table('sites', 'site_id')
        self.employers = table('employers', 'employer_id')
        self.plans = table('plans', 'plan_id')
        self.holders = table('holders', 'holder_id')
        self.carnets = [Carnet(row) for row in table('carnets', 'carnet_id').values()]
        self.operator = [m for m, row in self.members.items() if row['is_operator'] == '1'][0]
        self.tariffs = {}       # (version, category, zone, resource, unit) -> (P, H, F, S)
        self.versions = {}      # valid_from -> version
        for row in read_rows(os.path.join(folder, 'tariffs.csv')):
            self.versions[datetime.date.fromisoformat(row['valid_from'])] = row['version']
            key = (row['version'], row['category'], row['zone'], row['resource'], row['unit'])
            self.tariffs[key] = tuple(int(row[c]) for c in ('p_cents', 'h_cents', 'f_cents', 's_cents'))

    def price_row(self, site_id, resource, unit, day):
        """7."""
        past = [valid_from for valid_from in self.versions if valid_from <= day]
        if not past:
            raise Failure('no tariff version is valid on %s' % day)
        site = self.sites[site_id]
        key = (self.versions[max(past)], site['category'], site['zone'], resource, unit)
        if key not in self.tariffs:
            raise Failure('the tariff lacks the row version %s, %s, %s, %s, %s' % key)
        return self.tariffs[key]

    def host(self, site_id):
        return self.sites[site_id]['member_id']

    def employer(self, holder_id):
        return self.plans[self.holders[holder_id]['plan_id']]['employer_id']

    def issuer(self, employer_id):
        return self.employers[employer_id]['issuer_member_id']

    def vat_percent(self, member_id):
        return 20 if self.members[member_id]['vat_regime'] == 'standard' else 0

    def is_valid(self, holder_id, first, last):
        """Whether the holder's validity touches the days first to last, both included (10)."""
        start = optional_day(self.holders[holder_id]['active_from'])
        end = optional_day(self.holders[holder_id]['active_to'])
        if start and end and end < start:
            return False
        return (start is None or start <= last) and (end is None or end >= first)


class Carnet:
    def __init__(self, row):
        self.id = row['carnet_id']
        self.plan = row['plan_id']
        self.units = int(row['units'])
        self.price = int(row['price_cents'])
        self.bought = datetime.date.fromisoformat(row['bought_on'])
        self.last_day = carnet_last_day(self.bought, int(row['valid_months']))


def carnet_last_day(bought, months):
    """9: the day before the same day number `months` later, or that month's last day where it has no such day."""
    year, month = divmod(bought.year * 12 + bought.month - 1 + months, 12)
    try:
        return datetime.date(year, month + 1, bought.day) - datetime.timedelta(days=1)
    except ValueError:
        return last_of_month('%04d-%02d' % (year, month + 1))


# ---- Stays ----

class Stay:
    def __init__(self, row):
        self.id = row['visit_id']
        self.site = row['site_id']
        self.holder = row['holder_id']
        self.resource = row['resource']
        self.start = parse_instant(row['check_in'])
        self.told_out = parse_instant(row['check_out']) if row['check_out'] else None
        self.day = paris_day(self.start)


def reason_to_refuse(net, row):
    """Why a line is refused, or None."""
    if row['site_id'] not in net.sites:
        return 'unknown site %s' % row['site_id']
    if row['holder_id'] not in net.holders:
        return 'unknown holder %s' % row['holder_id']
    column = CAPACITY.get(row['resource'])
    if column is None or int(net.sites[row['site_id']][column]) == 0:
        return 'site %s lacks the resource %s' % (row['site_id'], row['resource'])
    try:
        stay = Stay(row)
    except ValueError as error:
        return str(error)
    if stay.told_out is not None and stay.told_out < stay.start:
        return 'out before in'
    return None


def refuse(where, line, visit_id, reason):
    print('%s: line %d: visit %s refused: %s' % (where, line, visit_id, reason), file=sys.stderr)


class Told:
    """The lines told so far, each id once."""

    def __init__(self, net):
        self.net = net
        self.content = {}       # visit id -> row
        self.stays = {}         # visit id -> Stay

    def accept(self, row, where, line):
        """The Stay of a line that counts; None for a repetition or a refusal, which is told on stderr."""
        visit_id = row['visit_id']
        if visit_id in self.content:
            if self.content[visit_id] != row:
                refuse(where, line, visit_id, 'told before with different content')
            return None
        reason = reason_to_refuse(self.net, row)
        if reason:      # it has told nothing: what mends it may follow
            refuse(where, line, visit_id, reason)
            return None
        self.content[visit_id] = row
        self.stays[visit_id] = Stay(row)
        return self.stays[visit_id]


def closed_stays(net, stays):
    """1 to 4: a list of (stay, out, auto_closed, cut_short)."""
    outs, auto, cut = {}, set(), set()
    for stay in stays:
        out = stay.told_out
        if out is None:
            auto.add(stay.id)
            minutes = closing_minutes(net.sites[stay.site]['opening_hours'], stay.day)
            out = None if minutes is None else paris_instant(stay.day, minutes)
            if out is None or stay.start >= out:
                out = stay.start + HALF_DAY
        outs[stay.id] = min(out, paris_instant(stay.day, 24 * 60))
    desks = collections.defaultdict(list)
    for stay in stays:
        if stay.resource == 'desk':
            desks[stay.holder].append(stay)
    for group in desks.values():
        group.sort(key=lambda s: (s.start, s.site, s.id))
        for stay, following in zip(group, group[1:]):
            if following.start < outs[stay.id]:
                outs[stay.id] = following.start
                cut.add(stay.id)
    return [(stay, outs[stay.id], stay.id in auto, stay.id in cut) for stay in stays]


# ---- Rating one month ----

class Rating:
    """What a month gives. documents: name -> {line: quantity}; a line is a tuple whose last part is its price.

    Names: ('employer', id), ('host', host, issuer), ('fee', issuer), ('subsidy', issuer).
    """

    def __init__(self):
        self.counts = dict.fromkeys(
            ['stays', 'visit_days', 'half_days', 'days', 'room_hours', 'units_used'], 0)
        self.flags = dict.fromkeys(['auto_closed', 'cut_short', 'grace', 'outside_validity', 'overdraft'], 0)
        self.sites = {}
        self.documents = collections.defaultdict(collections.Counter)
        self.carnet_units = collections.Counter()   # used in this month, by carnet id


def rate_month(net, month, stays, spent=None):
    """1 to 16 for one month. spent: the units of each carnet that other months used."""
    rating = Rating()
    stays = [s for s in stays if month_of(s.day) == month]
    rating.counts['stays'] = len(stays)
    visit_days = {}         # (first in, site, holder, day) once sorted; keyed by (holder, site, day)
    rooms = []
    for stay, out, auto_closed, cut_short in closed_stays(net, stays):
        rating.flags['auto_closed'] += auto_closed
        rating.flags['cut_short'] += cut_short
        if stay.resource == 'desk':
            entry = visit_days.setdefault((stay.holder, stay.site, stay.day), [stay.start, 0])
            entry[0] = min(entry[0], stay.start)
            entry[1] += out - stay.start
        else:
            rooms.append((stay, out - stay.start))

    left = {c.id: c.units - (spent or {}).get(c.id, 0) for c in net.carnets}
    included = {h: int(net.plans[row['plan_id']]['included_units'] or 0) for h, row in net.holders.items()}
    in_order = sorted((first, site, holder, day, length)
                      for (holder, site, day), (first, length) in visit_days.items())
    for first, site, holder, day, length in in_order:
        if length < GRACE:
            rating.flags['grace'] += 1
        else:
            rate_visit_day(net, rating, left, included, site, holder, day, length)
    for stay, length in rooms:
        if length < GRACE:
            rating.flags['grace'] += 1
        else:
            rate_room(net, rating, stay, length)
    add_sales(net, rating, month)
    return rating


def rate_visit_day(net, rating, left, included, site, holder, day, length):
    """5, 8 to 11 and 15 for a billed visit-day."""
    unit, units = ('half_day', 1) if length <= HALF_DAY else ('day', 2)
    rating.counts['visit_days'] += 1
    rating.counts[unit + 's'] += 1
    plan_id = net.holders[holder]['plan_id']
    kind = net.plans[plan_id]['type']
    valid = net.is_valid(holder, day, day)
    covered = 0
    if valid and kind == 'carnet':
        usable = [c for c in net.carnets if c.plan == plan_id and c.bought <= day <= c.last_day]
        for carnet in sorted(usable, key=lambda c: (c.last_day, c.bought, c.id)):
            taken = min(units - covered, left[carnet.id])
            left[carnet.id] -= taken
            rating.carnet_units[carnet.id] += taken
            covered += taken
    elif valid and kind == 'subscription':
        covered = min(units, included[holder])
        included[holder] -= covered
    rating.counts['units_used'] += covered
    rating.flags['outside_validity'] += not valid
    rating.flags['overdraft'] += kind != 'usage' and covered < units
    if covered < units:
        charged = 'half_day' if units - covered == 1 else 'day'
        price = net.price_row(site, 'desk', charged, day)[0]
        rating.documents['employer', net.employer(holder)]['charge', 'desk', charged, price] += 1
    add_item(net, rating, site, holder, 'desk', unit, day, 1)


def rate_room(net, rating, stay, length):
    """6, 12 and 15 for a billed room stay."""
    hours = -(-length // HOUR)
    rating.counts['room_hours'] += hours
    price = net.price_row(stay.site, stay.resource, 'hour', stay.day)[0]
    line = ('charge', stay.resource, 'hour', price)
    rating.documents['employer', net.employer(stay.holder)][line] += hours
    add_item(net, rating, stay.site, stay.holder, stay.resource, 'hour', stay.day, hours)


def add_item(net, rating, site, holder, resource, unit, day, quantity):
    """15: what a billed item makes members owe each other."""
    _, h, f, s = net.price_row(site, resource, unit, day)
    issuer = net.issuer(net.employer(holder))
    counts = rating.sites.setdefault(site, {'half_days': 0, 'days': 0, 'room_hours': 0, 'host_cents': 0})
    counts['room_hours' if unit == 'hour' else unit + 's'] += quantity
    if net.host(site) != issuer:
        counts['host_cents'] += quantity * h
        rating.documents['host', net.host(site), issuer][site, resource, unit, h] += quantity
    if issuer != net.operator:
        rating.documents['fee', issuer][f,] += quantity
        rating.documents['subsidy', issuer][s,] += quantity


def add_sales(net, rating, month):
    """14: carnets bought in the month and subscription fees."""
    for carnet in net.carnets:
        if month_of(carnet.bought) == month:
            employer = net.plans[carnet.plan]['employer_id']
            rating.documents['employer', employer]['carnet', carnet.plan, carnet.price] += 1
    for holder, row in net.holders.items():
        plan = net.plans[row['plan_id']]
        if plan['type'] == 'subscription' and net.is_valid(holder, first_of_month(month), last_of_month(month)):
            line = ('subscription', row['plan_id'], int(plan['monthly_fee_cents']))
            rating.documents['employer', plan['employer_id']][line] += 1


# ---- Documents, positions, the result ----

def totals(lines, percent):
    """(net, VAT, gross) of a document: VAT on the sum of its nets (14)."""
    net = sum(line[-1] * quantity for line, quantity in lines.items())
    vat = half_up(net * percent, 100)
    return net, vat, net + vat


def document_totals(net, name, lines):
    """VAT by the regime of who invoices (14, 16); the subsidy statement has none."""
    if name[0] == 'subsidy':
        return totals(lines, 0)
    seller = {'employer': lambda: net.issuer(name[1]), 'host': lambda: name[1], 'fee': lambda: net.operator}
    return totals(lines, net.vat_percent(seller[name[0]]()))


def describe(net, documents):
    """The employers, host_invoices and fee_invoices of a result."""
    employers, hosts, fees = {}, [], []
    for name in sorted(documents):
        lines = documents[name]
        if not lines or name[0] == 'subsidy':
            continue
        n, v, g = document_totals(net, name, lines)
        amounts = {'net_cents': n, 'vat_cents': v, 'gross_cents': g}
        if name[0] == 'employer':
            employers[name[1]] = {'issuer': net.issuer(name[1]), 'lines': len(lines), **amounts}
        elif name[0] == 'host':
            hosts.append({'host': name[1], 'issuer': name[2], 'lines': len(lines), **amounts})
        else:
            fees.append({'issuer': name[1], **amounts})
    subsidies = {name[1]: totals(lines, 0)[0] for name, lines in documents.items()
                 if name[0] == 'subsidy' and lines}
    for fee in fees:
        fee['subsidy_cents'] = subsidies.pop(fee['issuer'], 0)
    for issuer, cents in subsidies.items():     # a subsidy that differs where no fee does (19 only)
        fees.append({'issuer': issuer, 'net_cents': 0, 'vat_cents': 0, 'gross_cents': 0, 'subsidy_cents': cents})
    fees.sort(key=lambda fee: fee['issuer'])
    return {'employers': employers, 'host_invoices': hosts, 'fee_invoices': fees}


def add_positions(net, documents, positions):
    """17."""
    for name, lines in documents.items():
        gross = document_totals(net, name, lines)[2]
        if name[0] == 'host':
            positions[name[1]] += gross
            positions[name[2]] -= gross
        elif name[0] == 'fee':
            positions[name[1]] -= gross
            positions[net.operator] += gross
        elif name[0] == 'subsidy':
            positions[name[1]] += gross
            positions[net.operator] -= gross


def carry_over(net, positions):
    """18: (carried, what is left to pay). The operator takes the place of a small member."""
    carried = {m: p for m, p in positions.items()
               if m != net.operator and 0 < abs(p) < CARRY_UNDER_CENTS}
    left = dict(positions)
    for member, cents in carried.items():
        left[member] = 0
        left[net.operator] += cents
    return carried, left


def head_of_result(month, rating):
    return {'month': month, **rating.counts, 'flags': rating.flags,
            'sites': {site: rating.sites[site] for site in sorted(rating.sites)}}


def tail_of_result(net, positions):
    assert sum(positions.values()) == 0
    carried, left = carry_over(net, positions)
    return {'positions': positions, 'carried': carried,
            'nonzero': sum(1 for cents in left.values() if cents),
            'paid_cents': sum(cents for cents in left.values() if cents > 0)}


def month_result(net, month, stays):
    rating = rate_month(net, month, stays)
    positions = dict.fromkeys(sorted(net.members), 0)
    add_positions(net, rating.documents, positions)
    return {**head_of_result(month, rating), **describe(net, rating.documents), **tail_of_result(net, positions)}


def read_month(net, folder, month):
    name = 'visits-%s.csv' % month
    told = Told(net)
    for line, row in enumerate(read_rows(os.path.join(folder, name)), 2):
        stay = told.accept(row, name, line)
        if stay and month_of(stay.day) != month:
            refuse(name, line, stay.id, 'its Paris day %s is not in the month' % stay.day)
            del told.stays[stay.id]
    return list(told.stays.values())


# ---- Late and corrected: a sequence of closes ----

def sequence(folder):
    """19 over consecutive closes.

    `folder` holds the network and one close-YYYY-MM.csv for each closed month: the entries told after the cut of
    the close before and up to this one's. Columns as visits, and `status`:
        stay                 a stay, of this month or, late, of an earlier one (of a later one: it waits)
        void                 voids the stay `visit_id`; the other columns are not read
        replaces=<visit id>  a stay with an id of its own that takes the place of the named one
    Within a file the stays come first, then the replacements, then the voids, each kind in the order of the
    file. A void or replacement of an id that does not stand (unknown, voided, replaced) is refused by line, and
    so is a stay of a month before the first close. A refused replacement leaves the old stay in place.

    Readings:
    - A closed month is rated again when an entry past the last cut adds, voids or replaces a stay of it.
    - "Carnet units used in earlier months stay used": whenever a month is rated, units that the other closed
      months use, as last rated, are spent, before and after it alike; the month's own old use is free again. So
      no unit is ever spent twice, and a month that no entry touches keeps its coverage. Months are rated oldest
      first, the close's own last.
    - Differences to all that was billed for the month so far (its own close and later differences). A line of
      the close's documents is told apart by its true month, so the same line may stand once for each month.
    - "One credit note per document": one for each document of the close (an employer; a host and issuer; an
      issuer's fees; its subsidy), over all true months, with the negative lines, VAT on its own sum. It also
      stands where the document itself has no line.
    - Counts, flags and `sites` are those of the close's own month. `positions` include what was carried over to
      this close (`brought`).

    Each close prints like a month with: `late` after `sites` (true month -> document -> lines of the difference),
    `credit_notes` after fee_invoices (employers, host_invoices, fee_invoices, amounts negative), and `brought`
    before `positions`.
    """
    net = Network(folder)
    months = sorted(m.group(1) for m in (re.fullmatch(r'close-(\d{4}-\d\d)\.csv', n) for n in os.listdir(folder))
                    if m)
    for before, after in zip(months, months[1:]):
        if month_of(last_of_month(before) + datetime.timedelta(days=1)) != after:
            raise Failure('closes are not consecutive: %s, %s' % (before, after))
    told = Told(net)
    billed = {}         # month -> document -> {line: quantity}
    used = {}           # month -> carnet units
    carried = {}
    results = []
    for month in months:
        touched = read_close(told, folder, month, months[0])
        rated_again = sorted(m for m in touched if m in billed)
        ratings = {}
        for true_month in rated_again + [month]:
            spent = collections.Counter()
            for other, units in used.items():
                if other != true_month:
                    spent.update(units)
            ratings[true_month] = rate_month(net, true_month, list(told.stays.values()), spent)
            used[true_month] = ratings[true_month].carnet_units
        invoices, credits, late = collections.defaultdict(dict), collections.defaultdict(dict), {}
        for true_month in rated_again:
            change = difference(billed[true_month], ratings[true_month].documents)
            for name, lines in change.items():
                for line, quantity in lines.items():
                    note = invoices if quantity > 0 else credits
                    note[name][(true_month,) + line] = quantity
            if change:
                late[true_month] = change
        for name, lines in ratings[month].documents.items():
            for line, quantity in lines.items():
                invoices[name][(month,) + line] = quantity
        for true_month, rating in ratings.items():
            billed[true_month] = rating.documents
        positions = dict.fromkeys(sorted(net.members), 0)
        add_positions(net, invoices, positions)
        add_positions(net, credits, positions)
        for member, cents in carried.items():
            positions[member] += cents
            positions[net.operator] -= cents
        result = head_of_result(month, ratings[month])
        result['late'] = {m: {' '.join(name): show_lines(late[m][name]) for name in sorted(late[m])} for m in late}
        result.update(describe(net, invoices))
        result['credit_notes'] = describe(net, credits)
        result['brought'] = carried
        result.update(tail_of_result(net, positions))
        carried = result['carried']
        results.append(result)
    return results


def difference(before, after):
    """document -> {line: quantity}, without what did not change. Since `before` is all that was billed for the
    month so far, quantities add up over closes."""
    change = {}
    for name in set(before) | set(after):
        old, new = before.get(name, {}), after.get(name, {})
        lines = {line: new.get(line, 0) - old.get(line, 0) for line in set(old) | set(new)}
        lines = {line: quantity for line, quantity in lines.items() if quantity}
        if lines:
            change[name] = lines
    return change


def show_lines(lines):
    return [{'line': ' '.join(map(str, line[:-1])), 'price_cents': line[-1], 'quantity': lines[line]}
            for line in sorted(lines)]


def read_close(told, folder, month, first_month):
    """Applies the entries of one close file to `told`; the months they touch."""
    name = 'close-%s.csv' % month
    touched = set()
    rows = list(enumerate(read_rows(os.path.join(folder, name)), 2))

    def accept(row, line):
        stay = told.accept({key: value for key, value in row.items() if key != 'status'}, name, line)
        if stay and month_of(stay.day) < first_month:
            refuse(name, line, stay.id, 'its month %s is before the first close' % month_of(stay.day))
            del told.stays[stay.id]
            stay = None
        if stay:
            touched.add(month_of(stay.day))
        return stay

    def remove(visit_id, line, by):
        if visit_id not in told.stays:
            refuse(name, line, by, 'the stay %s does not stand' % visit_id)
            return False
        touched.add(month_of(told.stays.pop(visit_id).day))
        return True

    for line, row in rows:
        if row['status'] == 'stay':
            accept(row, line)
    for line, row in rows:
        if row['status'].startswith('replaces='):
            old = row['status'][len('replaces='):]
            if old not in told.stays and row['visit_id'] not in told.content:
                refuse(name, line, row['visit_id'], 'the stay %s does not stand' % old)
            elif accept(row, line):
                remove(old, line, row['visit_id'])
    for line, row in rows:
        if row['status'] == 'void':
            remove(row['visit_id'], line, row['visit_id'])
        elif row['status'] != 'stay' and not row['status'].startswith('replaces='):
            refuse(name, line, row['visit_id'], 'unknown status %r' % row['status'])
    return touched


def main(arguments):
    try:
        if len(arguments) == 3 and arguments[0] == 'month':
            net = Network(arguments[1])
            result = month_result(net, arguments[2], read_month(net, arguments[1], arguments[2]))
        elif len(arguments) == 2 and arguments[0] == 'sequence':
            result = {'closes': sequence(arguments[1])}
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    print(json.dumps(result, indent=1, ensure_ascii=False))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
