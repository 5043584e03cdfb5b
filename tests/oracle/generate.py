#!/usr/bin/env python3
"""Writes a random small network and a random month full of hard cases, for check.sh.

    generate.py [--bad] SEED DIR        prints the month; the same SEED writes the same bytes

The files have the columns of the reference data. --bad adds lines that must be refused. Everything else is
accepted: what the rules leave open is avoided (stays of another month, an invoice with only zero prices, tariffs
that lack a row).
"""
import csv
import datetime
import os
import random
import sys

from rules import (DAY, EPOCH, GRACE, HALF_DAY, HOUR, MINUTE, WEEKDAYS, carnet_last_day, closing_minutes,
                   first_of_month, is_public_holiday, last_of_month, last_sunday, month_of, paris_day, paris_instant)

ONE_DAY = datetime.timedelta(days=1)
REGIMES = ['standard', 'exempt_association', 'public_body', 'franchise']
RESOURCES = [('desk', 'half_day'), ('desk', 'day'), ('meeting_room', 'hour'), ('booth', 'hour')]
HOURS = ['24/7', 'Mo-Fr 08:00-19:00; Sa 09:00-12:30; PH off', 'Mo-Su 07:00-22:00', 'Tu-Th 09:00-17:30; PH off',
         'Mo,We,Fr 08:00-18:00; Sa 10:00-16:00; PH off', 'Mo-Fr 09:00-12:30,13:30-18:00; PH off',
         'Mo-Fr 08:30-18:30; PH off', 'Mo-Fr 09:00-17:00; PH off']
COMMUNES = [('09209', '43.00250', '1.16000', 'rural'), ('31145', '43.31386', '1.53146', 'rural'),
            ('34344', '43.56076', '4.08482', 'periurban'), ('34057', '43.63605', '3.90137', 'urban'),
            ('48080', '44.72726', '3.85539', 'rural'), ('30007', '44.12489', '4.08082', 'urban')]
COLUMNS = {
    'members': 'member_id,legal_name,legal_form,sector,siren,siret,vat_regime,vat_id,address,postcode,city,country,'
               'iban,bic,is_operator,is_issuer',
    'sites': 'site_id,member_id,name,kind,insee,lat,lon,zone,category,services,security_level,accessible,'
             'opening_hours,desks,meeting_rooms,booths,hosted,first_day,last_day',
    'employers': 'employer_id,issuer_member_id,legal_name,sector,siren,siret,vat_id,address,postcode,city,country,'
                 'buyer_reference,service_code,engagement,iban,bic,mandate_id,mandate_date',
    'plans': 'plan_id,employer_id,type,monthly_fee_cents,included_units,overage,holder_cap_cents,contract_cap_cents',
    'carnets': 'carnet_id,plan_id,units,price_cents,bought_on,valid_months',
    'holders': 'holder_id,employer_id,plan_id,given_name,family_name,email,cost_centre,medium,active_from,active_to',
    'tariffs': 'version,valid_from,category,zone,resource,unit,p_cents,h_cents,f_cents,s_cents',
    'stops': 'site_id,weekday,insee,lat,lon,open,close',
    'visits': 'visit_id,site_id,holder_id,resource,check_in,check_out,medium,source',
}


def instant_text(instant):
    day, ms = divmod(instant, DAY)
    return '%sT%02d:%02d:%02d.%03dZ' % (datetime.date.fromordinal(day + EPOCH), ms // HOUR, ms // MINUTE % 60,
                                        ms // 1000 % 60, ms % 1000)


def luhn_digit(digits):
    total = 0
    for i, c in enumerate(reversed(digits)):
        n = int(c) * (2 if i % 2 == 0 else 1)
        total += n - 9 if n > 9 else n
    return str(-total % 10)


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        r = self.random
        year = r.randint(2024, 2028)
        # A third anywhere; else the months with summer-time changes, leap days and many public holidays.
        self.month = r.choice(['%04d-%02d' % (year, r.randint(1, 12)), '%04d-%02d' % (year, r.randint(1, 12)),
                               '%04d-03' % year, '%04d-10' % year, r.choice(['2024-02', '2028-02']),
                               '%04d-%02d' % (year, r.choice([4, 5, 6, 8, 11]))])
        self.first, self.last = first_of_month(self.month), last_of_month(self.month)
        self.days = [self.first + i * ONE_DAY for i in range((self.last - self.first).days + 1)]
        self.tables = {name: [] for name in COLUMNS}
        self.make_members()
        self.make_sites()
        self.make_tariffs()
        self.make_employers()
        self.make_stays()

    def add(self, table, **row):
        columns = COLUMNS[table].split(',')
        assert set(row) <= set(columns), row
        self.tables[table].append([str(row.get(c, '')) for c in columns])

    def siren(self):
        digits = '99' + ''.join(self.random.choice('0123456789') for _ in range(6))
        siren = digits + luhn_digit(digits)
        nic = siren + '0001'
        return {'siren': siren, 'siret': nic + luhn_digit(nic)}, 'FR%02d%s' % ((12 + 3 * int(siren)) % 97, siren)

    def iban(self):
        bank, desk, account = 99999, self.random.randrange(100000), self.random.randrange(10 ** 11)
        key = 97 - (89 * bank + 15 * desk + 3 * account) % 97
        bban = '%05d%05d%011d%02d' % (bank, desk, account, key)
        return {'iban': 'FR%02d%s' % (98 - int(bban + '152700') % 97, bban), 'bic': 'TESTFRPPXXX'}

    def make_members(self):
        r = self.random
        count = r.randint(2, 11)
        self.members = ['op'] + ['m%d' % (i + 1) for i in range(count)]
        self.quiet_member = 'm%d' % count
        regimes = REGIMES * 3
        start = r.randrange(4)
        self.issuers = ['op'] if r.random() < 0.5 else []
        self.issuers += r.sample(self.members[1:-1], r.randint(1, count // 2))
        for i, member in enumerate(self.members):
            ids, vat_id = self.siren()
            regime = regimes[start + i] if start + i < len(regimes) else r.choice(REGIMES)
            form = {'standard': 'company', 'public_body': 'commune'}.get(regime, 'association')
            self.add('members', member_id=member, legal_name='L’Œuvre "%s", tiers-lieu' % member, legal_form=form,
                     sector='public' if form == 'commune' else 'private', **ids, vat_regime=regime,
                     vat_id=vat_id if regime == 'standard' else '', address='1 place de la Mairie', postcode='31000',
                     city='Toulouse', country='FR', **self.iban(), is_operator=int(member == 'op'),
                     is_issuer=int(member in self.issuers))

    def make_sites(self):
        r = self.random
        hosts = [m for m in self.members[1:-1] for _ in range(r.choice([0, 1, 1, 2]))]
        hosts += [r.choice(self.members[:-1]) for _ in range(max(4, len(HOURS) - len(hosts)))]
        r.shuffle(hosts)
        hours = r.sample(HOURS, len(HOURS))
        self.sites = []
        for i, host in enumerate(hosts):
            insee, lat, lon, zone = r.choice(COMMUNES)
            kind = ['itinerant', 'ephemeral'][i] if i < 2 else 'fixed'
            site = {'site_id': 's%d' % (i + 1), 'member_id': host, 'name': 'Site n° %d, étage "%d"' % (i + 1, i),
                    'kind': kind, 'insee': insee, 'lat': lat, 'lon': lon, 'zone': r.choice([zone, 'rural']),
                    'category': r.choice(['standard', 'standard', 'premium']), 'services': 'wifi|printer|coffee',
                    'security_level': r.randint(0, 3), 'accessible': r.randint(0, 1),
                    'opening_hours': HOURS[-1] if kind == 'itinerant' else hours[i % len(hours)],
                    'desks': r.randint(5, 50), 'meeting_rooms': r.randint(0, 3), 'booths': r.randint(0, 2),
                    'hosted': r.randint(0, 1)}
            if i == 2:
                site['meeting_rooms'] = site['booths'] = 0
            if i == 3:
                site['meeting_rooms'] = site['booths'] = 2
            if kind == 'ephemeral':
                site['first_day'] = self.first - r.randint(0, 60) * ONE_DAY
                site['last_day'] = self.last + r.randint(0, 30) * ONE_DAY
            if kind == 'itinerant':
                for weekday in WEEKDAYS[:5]:
                    self.add('stops', site_id=site['site_id'], weekday=weekday, insee=insee, lat=lat, lon=lon,
                             open='09:00', close='17:00')
            self.add('sites', **site)
            self.sites.append(site)
        # A host of its own with one booth hour in the month: its position is small.
        self.quiet = dict(self.sites[3], site_id='s99', member_id=self.quiet_member, kind='fixed')
        self.quiet.pop('first_day', None)
        self.add('sites', **self.quiet)

    def make_tariffs(self):
        r = self.random
        starts = [datetime.date(2023, 1, 1)] + r.sample(self.days, r.randint(1, 3))
        if r.random() < 0.5:
            starts.append(self.first - r.randint(1, 200) * ONE_DAY)
        if r.random() < 0.5:
            starts.append(self.last + r.randint(1, 3) * ONE_DAY)
        starts = sorted(set(starts))
        numbers = sorted(range(1, len(starts) + 1), key=lambda n: r.random() if r.random() < 0.3 else n)
        rows = []
        for version, valid_from in zip(numbers, starts):
            for category in ('standard', 'premium'):
                for zone in ('urban', 'periurban', 'rural'):
                    half = r.choice([750, 950, 1150, r.randint(101, 2000)])     # the same P in several rows
                    for resource, unit in RESOURCES:
                        p = {'half_day': half, 'day': half * 5 // 3, 'hour': r.choice([450, 1500, 1503])}[unit]
                        if resource == 'booth':     # H near 500 cents with and without VAT, for the carry-over
                            p = r.choice([450, 500, 501, 502, 503, 605])
                        f = p * 6 // 100 + r.randint(0, 1)
                        s = r.choice([0, 150, 250]) if zone == 'rural' and unit != 'hour' else 0
                        h = min(r.choice([p * 83 // 100, p - 1]), p + s - f)    # the issuer makes no loss
                        rows.append(dict(version=version, valid_from=valid_from, category=category, zone=zone,
                                         resource=resource, unit=unit, p_cents=p, h_cents=h, f_cents=f, s_cents=s))
        if r.random() < 0.3:
            r.shuffle(rows)
        for row in rows:
            self.add('tariffs', **row)

    def carnet_day(self):
        """A day of purchase: most in the last months, often a 29th to 31st or in the month itself."""
        r = self.random
        day = r.choice([r.choice(self.days), self.first - r.randint(1, 90) * ONE_DAY, self.first - ONE_DAY,
                        self.last + ONE_DAY])
        if r.random() < 0.5:
            day = last_of_month(month_of(day))
            day -= r.choice([0, 0, 1, 2]) * ONE_DAY
        return day

    def make_employers(self):
        r = self.random
        self.holders = []
        kinds = ['usage', 'carnet', 'subscription', 'carnet']
        for e in range(1, r.randint(2, 11) + 1):
            employer = 'e%d' % e
            ids, vat_id = self.siren()
            public = r.random() < 0.4
            private = {} if public else {**self.iban(), 'mandate_id': 'RUM-%06d' % e, 'mandate_date': '2023-01-05'}
            self.add('employers', employer_id=employer, issuer_member_id=r.choice(self.issuers),
                     legal_name='Entreprise n° %d, Canet' % e, sector='public' if public else 'private', **ids,
                     vat_id='' if public else vat_id, address='9 place de la Mairie', postcode='11200', city='Canet',
                     country='FR', buyer_reference='ACH-%04d' % e, **private)
            for p in range(1, r.choice([1, 2, 3]) + 1 if e > 1 else 5):
                kind = kinds[p - 1] if e == 1 else r.choice(kinds)
                self.make_plan(employer, '%s-p%d' % (employer, p), kind, always_holders=e == 1)

    def make_plan(self, employer, plan, kind, always_holders):
        r = self.random
        row = {'plan_id': plan, 'employer_id': employer, 'type': kind}
        if kind == 'subscription':
            row.update(monthly_fee_cents=r.choice([4900, 8900, 12901]), included_units=r.choice([0, 1, 3, 6, 10]),
                       overage=r.choice(['charge', 'refuse']))
        if r.random() < 0.4:
            row.update(holder_cap_cents=r.choice([500, 20000]))
        if r.random() < 0.3:
            row.update(contract_cap_cents=r.choice([3000, 300000]))
        self.add('plans', **row)
        if kind == 'carnet':
            carnets, price = [], r.choice([790, 820])
            for c in range(1, r.choice([1, 2, 4, 12]) + 1):
                units = r.choice([1, 1, 2, 3, 5, 10])
                bought, months = self.carnet_day(), r.choice([1, 1, 2, 3, 6, 12])
                if carnets and r.random() < 0.3:        # ties: the same expiry, often the same purchase day
                    bought, months = r.choice(carnets)
                carnets.append((bought, months))
                self.add('carnets', carnet_id='%s-c%d' % (plan, c), plan_id=plan, units=units,
                         price_cents=units * price, bought_on=bought, valid_months=months)
        for _ in range(r.randint(2, 6) if always_holders else r.randint(0, 5)):
            window = r.choice(['open', 'open', 'past', 'from', 'to', 'inside', 'day', 'gone', 'never'])
            a, b = sorted(r.sample(self.days, 2))
            first, last = {'open': ('', ''), 'past': (self.first - 30 * ONE_DAY, ''), 'from': (a, ''), 'to': ('', b),
                           'inside': (a, b), 'day': (a, a), 'never': (b, a),
                           'gone': ('', self.first - r.choice([0, 1]) * ONE_DAY)}[window]
            holder = 'h%d' % (len(self.holders) + 1)
            self.add('holders', holder_id=holder, employer_id=employer, plan_id=plan, given_name='Zoé-Élise',
                     family_name='d’Août', email=holder + '@example.org', cost_centre='CC%d' % r.randint(1, 5),
                     medium=r.choice(['phone', 'card']), active_from=first, active_to=last)
            self.holders.append((holder, a, b, kind))

        if always_holders and kind == 'subscription':
            self.make_edge_plans(employer)

    def make_edge_plans(self, employer):
        """Plans with one carnet and holders of their own, whose stays show the carnet's edges and the order."""
        r = self.random
        k = r.choice([1, 1, 2, 3, 11])
        then = self.first
        for _ in range(k):
            then = first_of_month(month_of(then - ONE_DAY))
        end = last_of_month(month_of(then))
        self.edges = []
        for name, bought, months, units in (
                ('end', end - r.choice([0, 0, 1, 2]) * ONE_DAY, k, 20),
                ('mid', then + r.randint(1, 20) * ONE_DAY, k, 20),
                ('new', r.choice(self.days), r.choice([1, 2]), 20),
                ('order', self.first - ONE_DAY, 3, r.choice([1, 2, 3]))):
            plan = '%s-%s' % (employer, name)
            self.add('plans', plan_id=plan, employer_id=employer, type='carnet')
            self.add('carnets', carnet_id=plan + '-c1', plan_id=plan, units=units, price_cents=units * 790,
                     bought_on=bought, valid_months=months)
            for i in range(3 if name == 'order' else 1):
                self.add('holders', holder_id='%s-h%d' % (plan, i), employer_id=employer, plan_id=plan,
                         given_name='Noël', family_name='Œillet', email='x%d@example.org' % i, cost_centre='CC1',
                         medium='card')
            self.edges.append((plan, bought, carnet_last_day(bought, months)))

    # ---- Stays ----

    def stay(self, site, holder, start, length, resource='desk'):
        """length None: the out is missing."""
        r = self.random
        if month_of(paris_day(start)) != self.month:
            return None
        # As a UUIDv7 of the check-in; its random half also orders equal check-ins.
        visit = '%012x7%03x%s%015x' % (start, r.randrange(4096), r.choice('89ab'), r.randrange(16 ** 15))
        visit = '-'.join([visit[:8], visit[8:12], visit[12:16], visit[16:20], visit[20:]])
        row = dict(visit_id=visit, site_id=site['site_id'], holder_id=holder, resource=resource,
                   check_in=instant_text(start), check_out='' if length is None else instant_text(start + length),
                   medium=r.choice(['phone', 'card']), source=r.choice(['online', 'offline', 'paper']))
        self.add('visits', **row)
        return row

    def some_holder(self):
        return self.random.choice(self.holders)[0]

    def some_room(self):
        """(site, resource) of a room that exists."""
        return self.random.choice([(s, kind) for s in self.sites for kind, column in
                                   (('meeting_room', 'meeting_rooms'), ('booth', 'booths')) if s[column]])

    def at(self, day, hour, minute=0, ms=0):
        return paris_instant(day, hour * 60 + minute) + ms

    def make_stays(self):
        r = self.random
        wanted = r.randint(50, 600)
        self.stay(self.quiet, self.some_holder(), self.at(r.choice(self.days), 9), HOUR, 'booth')
        for make in (self.midnights, self.summer_time, self.limits, self.missing_outs, self.simultaneous,
                     self.overlapping_rooms, self.validity_edges, self.heavy_carnets, self.carnet_edges):
            make()
        busy = r.sample(self.days, 3)       # so that a holder often has several stays on a day
        while len(self.tables['visits']) < wanted:
            day = r.choice(busy) if r.random() < 0.4 else r.choice(self.days)
            start = self.at(day, r.choice([r.randint(7, 19), r.randint(0, 23)]), r.randint(0, 59), r.randrange(60000))
            length = r.choice([r.randrange(15 * MINUTE), r.randrange(5 * HOUR), r.randrange(5 * HOUR),
                               r.randrange(11 * HOUR), r.randrange(30 * HOUR), None])
            if r.random() < 0.15:
                site, resource = self.some_room()
                self.stay(site, self.some_holder(), start, length, resource)
            else:
                self.stay(r.choice(self.sites), self.some_holder(), start, length)
        visits = self.tables['visits']
        r.shuffle(visits)
        for row in r.sample(visits, 5):     # told twice with the same content
            visits.insert(r.randrange(len(visits) + 1), row)

    def midnights(self):
        for day in (self.first, self.last, self.random.choice(self.days)):
            midnight = self.at(day, 24)
            for start, length in ((midnight - 2 * MINUTE, 12 * MINUTE), (midnight - 1, 1), (midnight - 1, HOUR),
                                  (midnight - GRACE, 9 * HOUR), (midnight - HALF_DAY, HALF_DAY), (midnight - HOUR, None),
                                  (self.at(day, 0), GRACE), (self.at(day, 0), 40 * HOUR)):
                self.stay(self.random.choice(self.sites), self.some_holder(), start, length)
            site, resource = self.some_room()
            self.stay(site, self.some_holder(), midnight - HOUR - 1, 3 * HOUR, resource)

    def summer_time(self):
        """Around the change where the month has one, else around the same hours of a Sunday."""
        sunday = last_sunday(self.first.year, self.first.month) if len(self.days) == 31 else \
            [d for d in self.days if d.weekday() == 6][-1]
        change = int((datetime.datetime.combine(sunday, datetime.time(1)) -
                      datetime.datetime(1970, 1, 1)).total_seconds()) * 1000
        always = [s for s in self.sites if s['opening_hours'] == '24/7'] or self.sites
        for start, length in ((change - HOUR, 2 * HOUR), (change - 1, GRACE), (change, HALF_DAY),
                              (change - HOUR, HALF_DAY + 1), (change + HOUR - 1, None), (self.at(sunday, 0), None),
                              (self.at(sunday, 0), DAY - HOUR), (self.at(sunday, 12), None),
                              (self.at(sunday, 23, 30), HOUR), (self.at(sunday - ONE_DAY, 23, 50), 3 * HOUR),
                              (self.at(sunday, 24), HOUR)):
            self.stay(self.random.choice(always), self.some_holder(), start, length)
        site, resource = self.some_room()
        self.stay(site, self.some_holder(), change - HOUR, 2 * HOUR, resource)

    def limits(self):
        r = self.random
        for length in (GRACE - 1000, GRACE - 1, GRACE, HALF_DAY - 1, HALF_DAY, HALF_DAY + 1, 0):
            self.stay(r.choice(self.sites), self.some_holder(), self.at(r.choice(self.days), 9, r.randint(0, 59)), length)
            # The same limit as a sum of two stays at the same site.
            holder, site, start = self.some_holder(), r.choice(self.sites), self.at(r.choice(self.days), 8)
            self.stay(site, holder, start, length // 2)
            self.stay(site, holder, start + 6 * HOUR, length - length // 2)
        for length in (GRACE - 1, GRACE, HOUR - 1, HOUR, HOUR + 1, 2 * HOUR, 0):
            site, resource = self.some_room()
            self.stay(site, self.some_holder(), self.at(r.choice(self.days), 10), length, resource)

    def missing_outs(self):
        r = self.random
        for site in self.sites:
            def days(open_day):
                return [d for d in self.days
                        if (closing_minutes(site['opening_hours'], d) is not None) == open_day] or self.days
            day = r.choice(days(True))
            closing = self.at(day, 0, closing_minutes(site['opening_hours'], day) or 0)
            for start in r.sample([self.at(day, 10, r.randint(0, 59)), self.at(day, 13), self.at(day, 5), closing,
                                   closing - 1, closing + 1, closing - HALF_DAY, closing - HALF_DAY - 1,
                                   closing - GRACE, self.at(day, 23, 1)], 3):
                self.stay(site, self.some_holder(), start, None)
            self.stay(site, self.some_holder(), self.at(r.choice(days(False)), r.choice([9, 19, 20])), None)
            for holiday in [d for d in self.days if is_public_holiday(d)]:
                self.stay(site, self.some_holder(), self.at(holiday, r.choice([9, 14])), None)
        site, resource = self.some_room()
        self.stay(site, self.some_holder(), self.at(r.choice(self.days), 9), None, resource)

    def simultaneous(self):
        """Equal check-ins over sites and at one site; stays cut short, and cut to nothing."""
        r = self.random
        for _ in range(4):
            holder, start = self.some_holder(), self.at(r.choice(self.days), r.randint(7, 15), 0, r.randrange(2))
            sites = r.sample(self.sites, 3)
            for site in sites + [sites[0]]:
                self.stay(site, holder, start, r.choice([0, HOUR, 6 * HOUR, None]))
            if r.random() < 0.5:
                self.stay(sites[1], holder, start + GRACE - 1, 5 * HOUR)
        for gap in (GRACE - 1, GRACE, HALF_DAY, HALF_DAY + 1, 0):
            holder, start = self.some_holder(), self.at(r.choice(self.days), 7)
            self.stay(r.choice(self.sites), holder, start, 9 * HOUR)
            self.stay(r.choice(self.sites), holder, start + gap, r.choice([HOUR, None]))

    def overlapping_rooms(self):
        r = self.random
        for _ in range(3):
            holder, start = self.some_holder(), self.at(r.choice(self.days), 9)
            self.stay(r.choice(self.sites), holder, start, 5 * HOUR)
            for offset in (0, 10 * MINUTE, HOUR):
                site, resource = self.some_room()
                self.stay(site, holder, start + offset, r.choice([HOUR, 2 * HOUR + 1, GRACE, None]), resource)

    def validity_edges(self):
        for holder, a, b, _ in self.holders:
            for day in {a - ONE_DAY, a, b, b + ONE_DAY}:
                if day in self.days and self.random.random() < 0.4:
                    self.stay(self.random.choice(self.sites), holder, self.at(day, self.random.randint(8, 10)),
                              self.random.choice([3, 7]) * HOUR)

    def heavy_carnets(self):
        """Full days of the holders that have units, so that carnets run out and a day draws on two."""
        holders = [h for h, _, _, kind in self.holders if kind != 'usage']
        if not holders:
            return
        for _ in range(25):
            day = self.random.choice(self.days)
            self.stay(self.random.choice(self.sites), self.random.choice(holders),
                      self.at(day, 8, self.random.randint(0, 3)), self.random.choice([4, 8]) * HOUR)

    def carnet_edges(self):
        r = self.random
        for plan, bought, last in self.edges[:3]:
            for day in sorted({bought - ONE_DAY, bought, last - ONE_DAY, last, last + ONE_DAY}):
                self.stay(r.choice(self.sites), plan + '-h0', self.at(day, r.randint(8, 12)), r.choice([2, 6]) * HOUR)
        # The first holder comes twice to one site, before and after the others: its first in decides who is covered.
        plan, day = self.edges[3][0], r.choice(self.days)
        ours, other = r.sample(self.sites, 2)
        self.stay(ours, plan + '-h0', self.at(day, 15), HOUR)
        self.stay(ours, plan + '-h0', self.at(day, 8), HOUR)
        for i, site in ((1, ours), (2, other)):
            self.stay(site, '%s-h%d' % (plan, i), self.at(day, 10), r.choice([3, 7]) * HOUR)

    def add_bad_lines(self):
        """Lines to refuse: each has an id of its own, or comes before or after the line that counts."""
        r = self.random
        site, holder, start = self.sites[2], self.some_holder(), self.at(r.choice(self.days), 9)
        good = r.choice(self.tables['visits'])
        at_end = list(good)
        at_end[5] = instant_text(start + 30 * HOUR)
        also = list(good)
        also[2] = self.holders[0][0] if good[2] != self.holders[0][0] else self.holders[1][0]
        self.stay(site, holder, start, -1)
        self.stay(dict(site, site_id='s999'), holder, start, HOUR)
        self.stay(site, 'h99999', start, HOUR)
        self.stay(site, holder, start, HOUR, 'meeting_room')
        self.stay(site, holder, start, HOUR, 'booth')
        bad = [self.tables['visits'].pop() for _ in range(5)]
        for row in bad:
            self.tables['visits'].insert(r.randrange(len(self.tables['visits'])), row)
        self.tables['visits'] += [at_end, also]
        mended = list(good)
        mended[1] = 's999'
        self.tables['visits'].insert(0, mended)

    def write(self, folder):
        os.makedirs(folder, exist_ok=True)
        ending = self.random.choice(['\r\n', '\n'])
        for name, rows in self.tables.items():
            file_name = 'visits-%s.csv' % self.month if name == 'visits' else name + '.csv'
            with open(os.path.join(folder, file_name), 'w', encoding='utf-8', newline='') as file:
                writer = csv.writer(file, lineterminator=ending)
                writer.writerow(COLUMNS[name].split(','))
                writer.writerows(rows)


def main(arguments):
    bad = '--bad' in arguments
    arguments = [a for a in arguments if a != '--bad']
    if len(arguments) != 2 or not arguments[0].isdigit():
        print(__doc__, file=sys.stderr)
        return 2
    generator = Generator(int(arguments[0]))
    if bad:
        generator.add_bad_lines()
    generator.write(arguments[1])
    print(generator.month)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
