"""What one machine carries is computed from what was measured, and from nothing else."""

from deploy.capacity import table


def test_what_was_not_measured_is_said_not_to_be() -> None:
    assert next(line for line in table(37_000_000, 1, {}) if "not measured" not in line).startswith(
        "370,000 files a year"
    )
    assert sum("not measured | –" in line for line in table(37_000_000, 1, {})) == 5


def test_the_share_of_a_machine_is_the_need_by_the_rate() -> None:
    # 4,500,000 files a year are 3,600 in the busiest hour: one a second, twelve events
    found = table(4_500_000, 100, {"consume": {"ours": 24.0}, "lists.mine": {"ours": 160.0}})
    assert "| events applied by a consumer | 12.00 | 24 | 50.0% |" in found
    assert "| lists read, by 16 at once | 100.00 | 100 | 100.0% |" in found
