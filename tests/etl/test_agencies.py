import pytest

from etl.agencies import identify, is_shared
from etl.reference import Reference


@pytest.mark.parametrize(
    ("literal", "country", "agency_id"),
    [
        ("AZERTAC", None, "azertac"),
        ("AzerTAc", None, "azertac"),
        ("АЗЕРТАДЖ", None, "azertac"),
        ("Reuter", None, "reuters"),
        ("ANP/RTL", None, "anp"),
        ("ats afp", None, "keystone_sda"),
        ("TELAM-ANSA", None, "telam"),
        ("BEIJING XINHUA", "CN", "xinhua"),
        ("LONDON PRESS ASSOCIATION", "GB", "press_association"),
        ("APA", "AT", "apa_at"),
        ("APA", "AZ", "apa_az"),
        ("APA", None, None),
        ("APA", "FR", None),
        ("Inconnue", None, None),
    ],
)
def test_identifies(reference: Reference, literal: str, country: str | None, agency_id: str | None) -> None:
    assert identify(literal, country, reference) == agency_id


@pytest.mark.parametrize(
    ("literal", "country", "language", "agency_id"),
    [
        ("APA", "AZ", "en", "apa_az"),
        ("APA", "US", "az", "apa_az"),
        ("APA", "FR", "de", "apa_at"),
        ("APA", "CI", "fr", "apa_news"),
        ("APA", "GB", "en", None),
        # A correspondent in Vienna: only one of them writes Azerbaijani.
        ("APA", "AT", "az", "apa_az"),
        ("CNA", "TW", "en", "cna_tw"),
        ("CNA", "US", "zh-Hant", "cna_tw"),
        ("CNA", "SG", "en", "cna_sg"),
        ("BNA", "AF", "en", "bakhtar"),
        ("BNA", "BH", "en", "bna"),
        ("ABP", "BJ", "fr", "abp_bj"),
        ("TT", "SE", "sv", "tt"),
    ],
)
def test_short_names_are_told_apart_by_place_and_language(
    reference: Reference, literal: str, country: str, language: str, agency_id: str | None
) -> None:
    assert identify(literal, country, reference, language) == agency_id


@pytest.mark.parametrize(
    ("literal", "shared"),
    [("ANP/RTL", True), ("ats afp", True), ("AFP", False), ("Europa Press", False), ("Keystone-SDA", False)],
)
def test_knows_shared_credits(reference: Reference, literal: str, shared: bool) -> None:
    assert is_shared(literal, reference) == shared


@pytest.mark.parametrize(
    ("literal", "agency_id"),
    [
        ("AZERTC", "azertac"),
        ("AZERTACC", "azertac"),
        ("AZRETAC", "azertac"),
        ("Reutrs", "reuters"),
        ("Xinuha", "xinhua"),
        ("ritzao", "ritzau"),
        ("Bernma", "bernama"),
        # Too short, too far, or no name at all.
        ("AFB", None),
        ("Rooters", None),
        ("Antares", None),
        ("ANKARA", None),
        ("Anta", None),
    ],
)
def test_a_long_name_may_have_one_letter_wrong(reference: Reference, literal: str, agency_id: str | None) -> None:
    assert identify(literal, None, reference) == agency_id
