#!/usr/bin/env python3
"""Small cases worked out by hand for the oracle. The name of a test begins with the number of its rule."""
import contextlib
import csv
import datetime
import io
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import generate
import rules

D = datetime.date

# One operator with a regime `standard` that issues nothing, a `standard` host h, an exempt issuer i which hosts too.
BASE = {
    'members': ['op,standard,1', 'h,standard,0', 'i,franchise,0'],
    'sites': ['s1,h,rural,standard,Mo-Fr 09:00-12:30;PH off,1,1,0', 's2,h,rural,standard,24/7,1,1,1',
              's3,i,rural,standard,Mo-Su 07:00-22:00,1,0,0'],
    'employers': ['e,i'],
    'plans': ['pu,e,usage,,', 'pc,e,carnet,,', 'ps,e,subscription,4900,3'],
    'carnets': [],
    'holders': ['u,pu,,', 'c,pc,,', 'c2,pc,,', 's,ps,,', 'v,pc,2026-10-06,2026-10-07'],
    'tariffs': ['1,2026-01-01,standard,rural,%s' % row for row in
                ('desk,half_day,750,747,45,150', 'desk,day,1200,1203,72,250',
                 'meeting_room,hour,1500,1245,90,0', 'booth,hour,450,373,27,0')],
}
HEADERS = {
    'members': 'member_id,vat_regime,is_operator',
    'sites': 'site_id,member_id,zone,category,opening_hours,desks,meeting_rooms,booths',
    'employers': 'employer_id,issuer_member_id',
    'plans': 'plan_id,employer_id,type,monthly_fee_cents,included_units',
    'carnets': 'carnet_id,plan_id,units,price_cents,bought_on,valid_months',
    'holders': 'holder_id,plan_id,active_from,active_to',
    'tariffs': 'version,valid_from,category,zone,resource,unit,p_cents,h_cents,f_cents,s_cents',
    'visits': 'visit_id,site_id,holder_id,resource,check_in,check_out',
}


def stay(visit, site, holder, start, end, resource='desk'):
    """start and end as '06T08:00' in UTC of October 2026 (Paris: two hours more until the 25th), or in full."""
    def full(text):
        text = text if len(text) > 12 else '2026-10-' + text
        return text and (text + ':00.000Z' if len(text) == 16 else text)
    return ','.join([visit, site, holder, resource, full(start), full(end) if end else ''])


class MonthCase(unittest.TestCase):
    def month(self, stays, month='2026-10', **changed):
        self.refused = io.StringIO()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(self.refused):
            write(folder, dict(BASE, **changed), {'visits-%s' % month: (HEADERS['visits'], stays)})
            self.net = rules.Network(folder)
            return rules.month_result(self.net, month, rules.read_month(self.net, folder, month))

    def closes(self, closes, **changed):
        self.refused = io.StringIO()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(self.refused):
            write(folder, dict(BASE, **changed), {'close-' + month: (HEADERS['visits'] + ',status', rows)
                                                  for month, rows in closes.items()})
            return rules.sequence(folder)


def write(folder, tables, more):
    for name, (header, rows) in {**{n: (HEADERS[n], rows) for n, rows in tables.items()}, **more}.items():
        with open(os.path.join(folder, name + '.csv'), 'w', encoding='utf-8', newline='') as file:
            rows = [row.split(',') for row in [header] + rows]
            csv.writer(file, lineterminator='\n').writerows(
                [[c.replace(';', '; ') for c in row] for row in rows])


class Calendar(unittest.TestCase):
    def test_paris_time(self):
        # 2026: 29 March and 25 October are the last Sundays.
        t = rules.parse_instant
        self.assertEqual(rules.paris_offset(t('2026-03-29T00:59:59.999Z')), rules.HOUR)
        self.assertEqual(rules.paris_offset(t('2026-03-29T01:00:00.000Z')), 2 * rules.HOUR)
        self.assertEqual(rules.paris_offset(t('2026-10-25T00:59:59.999Z')), 2 * rules.HOUR)
        self.assertEqual(rules.paris_offset(t('2026-10-25T01:00:00.000Z')), rules.HOUR)
        self.assertEqual(rules.paris_day(t('2026-10-05T22:00:00.000Z')), D(2026, 10, 6))
        self.assertEqual(rules.paris_day(t('2026-12-05T22:59:59.999Z')), D(2026, 12, 5))
        self.assertEqual(rules.paris_instant(D(2026, 10, 25), 1440), t('2026-10-25T23:00:00.000Z'))
        self.assertEqual(rules.paris_instant(D(2026, 3, 29), 0), t('2026-03-28T23:00:00.000Z'))
        self.assertEqual(t('1970-01-02T00:00:00.001Z'), 86400001)

    def test_public_holidays(self):
        # Easter: 2024-03-31, 2025-04-20, 2026-04-05, 2027-03-28, 2028-04-16 (published calendars).
        for year, month, day in ((2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2028, 4, 16)):
            self.assertEqual(rules.easter(year), D(year, month, day))
        # 2026: Easter Monday 6 April, Ascension 14 May, Whit Monday 25 May, and the eight fixed days.
        days = [D(2026, 1, 1) + datetime.timedelta(days=i) for i in range(365)]
        self.assertEqual([(d.month, d.day) for d in days if rules.is_public_holiday(d)],
                         [(1, 1), (4, 6), (5, 1), (5, 8), (5, 14), (5, 25), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)])

    def test_opening_hours(self):
        def close(hours, *day):
            return rules.closing_minutes(hours, D(*day))
        self.assertEqual(close('Mo-Fr 09:00-12:30,13:30-18:00; PH off', 2026, 10, 5), 18 * 60)
        self.assertIsNone(close('Mo-Fr 09:00-12:30,13:30-18:00; PH off', 2026, 10, 4))
        self.assertIsNone(close('Mo-Fr 08:00-19:00; Sa 09:00-12:30; PH off', 2026, 5, 25))
        self.assertEqual(close('Mo-Fr 08:00-19:00; Sa 09:00-12:30; PH off', 2026, 10, 3), 12 * 60 + 30)
        self.assertEqual(close('Mo-Su 07:00-22:00', 2026, 5, 25), 22 * 60)
        self.assertEqual(close('Mo,We,Fr 08:00-18:00; Sa 10:00-16:00; PH off', 2026, 10, 7), 18 * 60)
        self.assertIsNone(close('Mo,We,Fr 08:00-18:00; Sa 10:00-16:00; PH off', 2026, 10, 6))
        self.assertEqual(close('24/7', 2026, 12, 25), 1440)

    def test_09_carnet_expiry(self):
        # Bought on 15 January for 1 month: the day before 15 February. 31 January: February has no 31st, so its
        # end. 29 January 2028 (leap): the day before 29 February. 1 October for 6: 31 March.
        for bought, months, last in ((D(2026, 1, 15), 1, D(2026, 2, 14)), (D(2026, 1, 31), 1, D(2026, 2, 28)),
                                     (D(2026, 1, 29), 1, D(2026, 2, 28)), (D(2028, 1, 29), 1, D(2028, 2, 28)),
                                     (D(2028, 1, 30), 1, D(2028, 2, 29)), (D(2026, 10, 1), 6, D(2027, 3, 31)),
                                     (D(2026, 3, 31), 12, D(2027, 3, 30)), (D(2026, 11, 30), 3, D(2027, 2, 28)),
                                     (D(2026, 12, 1), 1, D(2026, 12, 31)), (D(2026, 8, 31), 1, D(2026, 9, 30))):
            self.assertEqual(rules.carnet_last_day(bought, months), last, (bought, months))

    def test_14_half_up(self):
        self.assertEqual([rules.half_up(n, 10) for n in (4, 5, 14, 15, -4, -5, -15)], [0, 1, 1, 2, 0, -1, -2])


class Items(MonthCase):
    def test_02_missing_out(self):
        # Tuesday 6 October at s1 (closes 12:30 = 10:30Z): in 08:00Z -> 2 h 30, half day; in 10:30Z is not before
        # closing -> 4 h 30, half day. Sunday 4th, no hours: 4 h 30, half day. s2 (24/7), in 12:00Z: until 22:00Z,
        # 10 h, day.
        r = self.month([stay('1', 's1', 'u', '06T08:00', ''), stay('2', 's1', 'c', '06T10:30', ''),
                        stay('3', 's1', 's', '04T08:00', ''), stay('4', 's2', 'c2', '06T12:00', '')])
        self.assertEqual((r['flags']['auto_closed'], r['half_days'], r['days']), (4, 3, 1))

    def test_03_midnight(self):
        # In 23:56 Paris, out two days later: 4 minutes, grace. In 23:55: 5 minutes, billed.
        r = self.month([stay('1', 's2', 'u', '06T21:56', '08T12:00'), stay('2', 's2', 'c', '06T21:55', '08T12:00')])
        self.assertEqual((r['flags']['grace'], r['half_days'], r['days']), (1, 1, 0))
        # 25 October ends at 23:00Z, summer time being over: from 18:30Z 4 h 30, half day; from 18:29Z 4 h 31, day.
        r = self.month([stay('1', 's2', 'u', '25T18:30', '26T12:00'), stay('2', 's2', 'c', '25T18:29', '26T12:00')])
        self.assertEqual((r['half_days'], r['days']), (1, 1))

    def test_04_cut_short(self):
        # Equal ins at s1 and s2: s1 comes first and keeps no time, so it is grace; s2 is cut by the third after
        # 4 minutes: grace; the third stays whole, 1 h.
        r = self.month([stay('9', 's1', 'u', '06T08:00', '06T12:00'), stay('1', 's2', 'u', '06T08:00', '06T12:00'),
                        stay('5', 's3', 'u', '06T08:04', '06T09:04')])
        self.assertEqual((r['flags']['cut_short'], r['flags']['grace'], r['half_days']), (2, 2, 1))
        # A stay that ends as the next begins is not cut; rooms neither cut nor are cut.
        r = self.month([stay('1', 's1', 'u', '06T08:00', '06T09:00'), stay('2', 's2', 'u', '06T09:00', '06T11:00'),
                        stay('3', 's2', 'u', '06T09:30', '06T10:30', 'booth'),
                        stay('4', 's2', 'u', '06T10:00', '06T11:00', 'meeting_room')])
        self.assertEqual((r['flags']['cut_short'], r['half_days'], r['room_hours']), (0, 2, 2))

    def test_05_limits(self):
        # 4:59.999 grace; 2:30 + 2:30 = 5:00 half day; 4:30:00.000 half day; one ms more: day.
        r = self.month([stay('1', 's2', 'u', '2026-10-05T08:00:00.000Z', '2026-10-05T08:04:59.999Z'),
                        stay('2', 's2', 'u', '2026-10-06T08:00:00.000Z', '2026-10-06T08:02:30.000Z'),
                        stay('3', 's2', 'u', '2026-10-06T09:00:00.000Z', '2026-10-06T09:02:30.000Z'),
                        stay('4', 's2', 'u', '2026-10-07T08:00:00.000Z', '2026-10-07T12:30:00.000Z'),
                        stay('5', 's2', 'u', '2026-10-08T08:00:00.000Z', '2026-10-08T12:30:00.001Z')])
        self.assertEqual((r['stays'], r['flags']['grace'], r['half_days'], r['days']), (5, 1, 2, 1))

    def test_06_rooms(self):
        # 4 min: grace. 60 min: 1 hour. 61 min: 2 hours. Two stays of one day are not added.
        r = self.month([stay('1', 's2', 'c', '06T08:00', '06T08:04', 'booth'),
                        stay('2', 's2', 'c', '06T09:00', '06T10:00', 'booth'),
                        stay('3', 's2', 'c', '06T11:00', '06T12:01', 'booth')])
        self.assertEqual((r['room_hours'], r['flags']['grace'], r['units_used'], r['flags']['overdraft']), (3, 1, 0, 0))
        self.assertEqual(r['employers']['e']['net_cents'], 4900 + 3 * 450)      # and the subscription of s

    def test_refusals(self):
        lines = [stay('1', 's2', 'u', '06T09:00', '06T08:59'), stay('2', 'sx', 'u', '06T09:00', ''),
                 stay('3', 's2', 'x', '06T09:00', ''), stay('4', 's3', 'u', '06T09:00', '', 'booth'),
                 stay('5', 's2', 'u', '06T09:00', '06T10:00'), stay('5', 's2', 'u', '06T09:00', '06T10:00'),
                 stay('5', 's2', 'u', '06T09:00', '06T18:00'), stay('6', 's2', 'u', '2026-10-31T23:00', '')]
        r = self.month(lines)
        self.assertEqual((r['stays'], r['half_days'], r['days']), (1, 1, 0))
        self.assertEqual([line.split(':')[1] for line in self.refused.getvalue().splitlines()],
                         [' line %d' % n for n in (2, 3, 4, 5, 8, 9)])


class Charges(MonthCase):
    def test_07_latest_version(self):
        later = ['7,2026-10-06,standard,rural,desk,half_day,760,750,46,160']
        r = self.month([stay('1', 's2', 'u', '05T08:00', '05T09:00'), stay('2', 's2', 'u', '06T08:00', '06T09:00')],
                       tariffs=BASE['tariffs'] + later)
        self.assertEqual(r['employers']['e'], {'issuer': 'i', 'lines': 3, 'net_cents': 4900 + 750 + 760,
                                               'vat_cents': 0, 'gross_cents': 6410})
        with self.assertRaisesRegex(rules.Failure, 'version 7, standard, rural, desk, day'):
            self.month([stay('2', 's2', 'u', '06T08:00', '06T18:00')], tariffs=BASE['tariffs'] + later)

    def test_09_carnets(self):
        # k1 (1 unit, expires 9 October) goes first, then k2 (2 units). c day on the 6th: k1 + one of k2.
        # c2 day on the 7th: one of k2, one uncovered = 750. c half on the 8th: uncovered = 750. c day on the
        # 9th: 1200. k3 is bought after these days. Lines: carnets 1000 + 2000 + 3000; charges 2 x 750, 1200; fee 4900.
        r = self.month([stay('1', 's2', 'c', '06T06:00', '06T12:00'), stay('2', 's2', 'c2', '07T06:00', '07T12:00'),
                        stay('3', 's2', 'c', '08T06:00', '08T08:00'), stay('4', 's2', 'c', '09T06:00', '09T12:00')],
                       carnets=['k2,pc,2,2000,2026-10-01,1', 'k1,pc,1,1000,2026-09-10,1', 'k3,pc,9,3000,2026-10-10,1'])
        self.assertEqual((r['units_used'], r['flags']['overdraft']), (3, 3))
        self.assertEqual(r['employers']['e']['net_cents'], 2000 + 3000 + 2 * 750 + 1200 + 4900)
        self.assertEqual(r['employers']['e']['lines'], 5)
        # The host gets 3 days and 1 half whatever was covered: 3 x 1203 + 747 = 4356, VAT 871.2 -> 871.
        self.assertEqual(r['host_invoices'], [{'host': 'h', 'issuer': 'i', 'lines': 2, 'net_cents': 4356,
                                               'vat_cents': 871, 'gross_cents': 5227}])

    def test_10_subscription(self):
        # 3 units: day (2), day (1 covered, 750), half (750); the fee once.
        r = self.month([stay('1', 's2', 's', '06T06:00', '06T12:00'), stay('2', 's2', 's', '07T06:00', '07T12:00'),
                        stay('3', 's2', 's', '08T06:00', '08T08:00')])
        self.assertEqual((r['units_used'], r['flags']['overdraft'], r['employers']['e']['net_cents']), (3, 2, 6400))

    def test_11_outside_validity(self):
        # v is valid on the 6th and 7th. The carnet covers the day on the 7th; the 8th is charged 1200.
        r = self.month([stay('1', 's2', 'v', '07T06:00', '07T12:00'), stay('2', 's2', 'v', '08T06:00', '08T12:00'),
                        stay('3', 's2', 'v', '09T06:00', '09T07:00', 'booth')],
                       carnets=['k,pc,9,1000,2026-09-20,2'])
        self.assertEqual((r['units_used'], r['flags']['outside_validity'], r['flags']['overdraft']), (2, 1, 1))
        self.assertEqual(r['employers']['e']['net_cents'], 1200 + 450 + 4900)


class Between(MonthCase):
    def test_15_to_18(self):
        # u: a day at s2 (host h) and a half day at s3 (issuer i's own).
        # i owes h 1203 + VAT 241 (240.6) = 1444. Fees 72 + 45 = 117 + VAT 23 (23.4) = 140 to op. Subsidy 250 + 150.
        # h +1444, i -1444 - 140 + 400 = -1184, op +140 - 400 = -260.
        stays = [stay('1', 's2', 'u', '06T06:00', '06T12:00'), stay('2', 's3', 'u', '07T06:00', '07T08:00')]
        r = self.month(stays)
        self.assertEqual(r['positions'], {'h': 1444, 'i': -1184, 'op': -260})
        self.assertEqual(r['fee_invoices'], [{'issuer': 'i', 'net_cents': 117, 'vat_cents': 23, 'gross_cents': 140,
                                              'subsidy_cents': 400}])
        self.assertEqual(r['sites']['s3']['host_cents'], 0)
        self.assertEqual((r['carried'], r['nonzero'], r['paid_cents']), ({}, 3, 1444))

    def test_18_carry_over(self):
        # One booth hour: i owes h 373 + 75 (74.6) = 448 and op 27 + 5 = 32; h is carried, and so is i (-480).
        # The operator (32) takes both places: 32 + 448 - 480 = 0.
        r = self.month([stay('1', 's2', 'u', '06T06:00', '06T07:00', 'booth')])
        self.assertEqual(r['positions'], {'h': 448, 'i': -480, 'op': 32})
        self.assertEqual((r['carried'], r['nonzero'], r['paid_cents']), ({'h': 448, 'i': -480}, 0, 0))


class Sequence(MonthCase):
    def test_19_late_stay_and_carry(self):
        # October: one booth hour as above, h 448 and i -480 carried. November: a late half day of u at s2 in October.
        # The employer's invoice has the fee of November 4900 and the late 750. i owes h 747 + 149 = 896, op 45 + 9;
        # subsidy 150. h: 896 + 448 = 1344; i: -896 - 54 + 150 - 480 = -1280; op: 54 - 150 - 448 + 480 = -64.
        october, november = self.closes({
            '2026-10': [stay('1', 's2', 'u', '06T06:00', '06T07:00', 'booth') + ',stay'],
            '2026-11': [stay('2', 's2', 'u', '20T06:00', '20T07:00') + ',stay']})
        self.assertEqual(october['carried'], {'h': 448, 'i': -480})
        self.assertEqual(november['stays'], 0)
        self.assertEqual(november['late'], {'2026-10': {
            'employer e': [{'line': 'charge desk half_day', 'price_cents': 750, 'quantity': 1}],
            'fee i': [{'line': '', 'price_cents': 45, 'quantity': 1}],
            'host h i': [{'line': 's2 desk half_day', 'price_cents': 747, 'quantity': 1}],
            'subsidy i': [{'line': '', 'price_cents': 150, 'quantity': 1}]}})
        self.assertEqual(november['employers']['e']['net_cents'], 5650)
        self.assertEqual(november['credit_notes'], {'employers': {}, 'host_invoices': [], 'fee_invoices': []})
        self.assertEqual(november['positions'], {'h': 1344, 'i': -1280, 'op': -64})

    def test_19_correction_and_void(self):
        # October: a day of u and a half day of u. November: the day becomes a half day, the half day is voided.
        # Difference: days -1, half days 1 - 1 = 0. One credit note: employer -1200; host -1203, VAT -240.6 -> -241.
        october, november = self.closes({
            '2026-10': [stay('1', 's2', 'u', '06T06:00', '06T12:00') + ',stay',
                        stay('2', 's2', 'u', '07T06:00', '07T08:00') + ',stay'],
            '2026-11': [stay('3', 's2', 'u', '06T06:00', '06T08:00') + ',replaces=1', '2,,,,,,void',
                        '9,,,,,,void', stay('4', 's2', 'u', '06T06:00', '06T08:00') + ',replaces=1']})
        self.assertEqual(len(self.refused.getvalue().splitlines()), 2)
        self.assertEqual(november['credit_notes']['employers']['e']['net_cents'], -1200)
        self.assertEqual(november['credit_notes']['host_invoices'], [
            {'host': 'h', 'issuer': 'i', 'lines': 1, 'net_cents': -1203, 'vat_cents': -241, 'gross_cents': -1444}])
        self.assertEqual(november['credit_notes']['fee_invoices'][0]['subsidy_cents'], -250)
        self.assertEqual(november['host_invoices'], [])

    def test_19_used_units_stay_used(self):
        # 3 units. October uses 2, November 1. A late October half day in December finds none left: charged 750,
        # and November, which nothing touches, keeps its unit. Voiding the October day in January frees its units
        # for October: the late half day is covered then, so its 750 is credited.
        carnets = ['k,pc,3,3000,2026-10-01,6']
        closes = self.closes({
            '2026-10': [stay('1', 's2', 'c', '06T06:00', '06T12:00') + ',stay'],
            '2026-11': [stay('2', 's2', 'c', '2026-11-05T08:00', '2026-11-05T09:00') + ',stay'],
            '2026-12': [stay('3', 's2', 'c', '01T06:00', '01T08:00') + ',stay'],
            '2027-01': ['1,,,,,,void']}, carnets=carnets)
        # Rated again, October covers its half day on the 1st and one unit of its day: the day's other is charged 750.
        self.assertEqual([c['units_used'] for c in closes], [2, 1, 0, 0])
        self.assertEqual(closes[2]['late']['2026-10']['employer e'],
                         [{'line': 'charge desk half_day', 'price_cents': 750, 'quantity': 1}])
        self.assertEqual(closes[3]['credit_notes']['employers']['e']['net_cents'], -750)
        for close in closes:
            self.assertEqual(sum(close['positions'].values()), 0)


class Agreement(unittest.TestCase):
    def test_generator_repeats(self):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            for folder in (one, two):
                with contextlib.redirect_stdout(io.StringIO()):
                    generate.main(['--bad', '7', folder])
            for name in os.listdir(one):
                with open(os.path.join(one, name), 'rb') as a, open(os.path.join(two, name), 'rb') as b:
                    self.assertEqual(a.read(), b.read(), name)


if __name__ == '__main__':
    unittest.main()
