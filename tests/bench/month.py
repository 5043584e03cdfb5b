"""Writes a large network and a month of its stays as CSV, in the shape of config/reference: the same
files for the same numbers. People go to sites around them, so that an issuer owes some hundred hosts."""
import csv
import random
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

AROUND = 150  # sites that an issuer's people go to
PEOPLE = 20  # holders of an employer


def luhn(digits):
    doubled = [int(d) * 2 if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits))]
    return digits + str(-sum(d // 10 + d % 10 for d in doubled) % 10)


def company(number):
    siren = luhn(f"{90000000 + number:08d}")
    iban = f"99999{number:018d}"
    return {"siren": siren, "siret": luhn(siren + "0001"), "vat_id": f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}",
            "iban": f"FR{98 - int(iban + '152700') % 97:02d}{iban}", "bic": "TESTFRPPXXX", "country": "FR",
            "address": f"{number} rue de la République", "postcode": "31000", "city": "Toulouse", "sector": "private"}


def write(folder, name, rows):
    """Rows as dicts, under the header of the reference's file; what a row lacks is empty."""
    reference = Path(__file__).resolve().parents[2] / "config/reference"
    with open(reference / name, encoding="utf-8") as file:
        head = file.readline().strip().split(",")
    with open(folder / name, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, head, restval="")
        table.writeheader()
        table.writerows(rows)


def terms(folder, members, employers):
    """All but the stays. Every fifth member issues; employers and holders follow from their number."""
    reference = Path(__file__).resolve().parents[2] / "config/reference"
    shutil.copy(reference / "tariffs.csv", folder)
    shutil.copy(reference / "communes-occitanie.csv", folder)
    write(folder, "stops.csv", [])
    write(folder, "members.csv", [
        {**company(i), "member_id": "op" if i == 0 else f"m{i:04d}", "legal_name": f"Tiers-lieu n° {i}",
         "legal_form": "scic", "vat_regime": "standard", "is_operator": int(i == 0), "is_issuer": int(i % 5 == 0)}
        for i in range(members)])
    write(folder, "sites.csv", [
        {"site_id": f"s{i:04d}", "member_id": f"m{i:04d}", "name": f"Lieu {i}", "kind": "fixed", "insee": "31555",
         "lat": "43.60426", "lon": "1.44367", "zone": "rural" if i % 2 else "urban", "category": "standard",
         "services": "wifi|printer|coffee|locker",
         "security_level": 1, "accessible": 1, "opening_hours": "24/7", "desks": 500, "meeting_rooms": 5, "booths": 1,
         "hosted": 1} for i in range(1, members)])
    write(folder, "employers.csv", [
        {**company(100000 + i), "employer_id": f"e{i:04d}", "issuer_member_id": issuer(i, members),
         "legal_name": f"Entreprise n° {i}", "buyer_reference": f"ACH-{i:04d}", "mandate_id": f"RUM-{i:06d}",
         "mandate_date": "2026-06-21"} for i in range(employers)])
    kinds = ["usage", "carnet", "subscription"]
    write(folder, "plans.csv", [
        {"plan_id": f"e{i:04d}-p1", "employer_id": f"e{i:04d}", "type": kinds[i % 3],
         **({"monthly_fee_cents": 8900, "included_units": 10, "overage": "charge"} if i % 3 == 2 else {})}
        for i in range(employers)])
    write(folder, "carnets.csv", [
        {"carnet_id": f"e{i:04d}-p1-c1", "plan_id": f"e{i:04d}-p1", "units": 400, "price_cents": 328000,
         "bought_on": "2026-10-01", "valid_months": 6} for i in range(1, employers, 3)])
    write(folder, "holders.csv", [
        {"holder_id": f"h{i:06d}", "employer_id": f"e{i // PEOPLE:04d}", "plan_id": f"e{i // PEOPLE:04d}-p1",
         "given_name": "Jeanne", "family_name": f"Micocoulier {i}", "email": f"h{i}@example.org",
         "cost_centre": f"CC{i % 5}", "medium": "phone", "active_from": "2026-01-01"}
        for i in range(employers * PEOPLE)])


def issuer(employer, members):
    place = employer % ((members + 4) // 5) * 5
    return "op" if place == 0 else f"m{place:04d}"


def stays(path, members, employers, count):
    chance = random.Random(42)
    days = [datetime(2026, 10, day, tzinfo=timezone.utc) for day in range(1, 31) if day % 7 not in (3, 4)]
    zero = datetime(1970, 1, 1, tzinfo=timezone.utc)

    def text(at, ms):
        return (at + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"

    with open(path, "w", encoding="utf-8") as file:
        file.write("visit_id,site_id,holder_id,resource,check_in,check_out,medium,source\n")
        for i in range(count):
            day = days[i * len(days) // count]
            holder = chance.randrange(employers * PEOPLE)
            home = holder // PEOPLE % ((members + 4) // 5) * 5
            site = 1 + (home + chance.randrange(AROUND)) % (members - 1)
            begin = 6 * 3600000 + chance.randrange(4 * 3600000)
            end = begin + 600000 + chance.randrange(7 * 3600000)
            number = f"{int((day - zero).total_seconds()) * 1000 + begin:012x}7{chance.getrandbits(12):03x}" \
                     f"8{chance.getrandbits(60):015x}"
            file.write(f"{number[:8]}-{number[8:12]}-{number[12:16]}-{number[16:20]}-{number[20:]},s{site:04d},"
                       f"h{holder:06d},{'meeting_room' if i % 20 == 0 else 'desk'},{text(day, begin)},"
                       f"{text(day, end)},phone,online\n")
