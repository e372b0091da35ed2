"""The recurrence in C against the engine's scan, for steps that are drawn at random; `trials` draws many more."""

import math

import drawn_steps
import pytest
from compiled import ours_alone, unoptimized
from drawn_steps import BY_SCAN, Outcome, drawn, outcomes, programs, pruned, shrunk
from hypothesis import given, settings

from recurrent_layers import engine

# PyTensor takes longer to compile the engine's side.
NUMBER, TOGETHER = 10 if engine.NAME == "Theano" else 8, 10


@pytest.fixture(scope="module")
def found():
    """What came of each program. Those of one dtype are compiled together."""
    chosen = drawn(NUMBER, seed=14)
    groups = [of_dtype[k:k + TOGETHER] for of_dtype in (chosen[::2], chosen[1::2])
              for k in range(0, len(of_dtype), TOGETHER)]  # fmt: skip
    with unoptimized(), ours_alone():
        return [outcome for group in groups for outcome in outcomes(group)]


def shown(found):
    return "\n\n".join(f"{outcome}\n{outcome.program}" for outcome in found)


def test_outputs_and_gradients_are_those_of_scan(found):
    wrong = [outcome for outcome in found if outcome.kind]
    assert not wrong, shown(wrong)


def test_at_least_nine_of_ten_run_in_c(found):
    by_scan = [outcome for outcome in found if not outcome.is_in_c]
    print(shown(by_scan))
    assert len(by_scan) <= math.ceil(len(found) / 10), shown(by_scan)


@given(programs)
@settings(derandomize=True, database=None, deadline=None)
def test_a_program_can_be_written_down(program):
    for text in (str(program), repr(program)):
        assert eval(text, vars(drawn_steps)) == program
    assert pruned(program) == program


def forwards_only(step, go_backwards=False, **named):
    """A scan that is wrong."""
    return engine.scan(step, **named)


def refusing(step, name=None, truncate_gradient=-1, **named):
    """A scan that fails."""
    if truncate_gradient == 2:
        raise KeyError("nothing that is said of a program")
    return engine.scan(step, name=name, truncate_gradient=truncate_gradient, **named)


def test_what_fails_only_beside_others_is_told():
    def failing(step, name=None, **named):
        if name == "drawn1_":
            raise KeyError("the second")
        return engine.scan(step, name=name, **named)

    found = outcomes(drawn(4, seed=3)[::2], failing, BY_SCAN)
    assert [str(outcome) for outcome in found] == ["fails: KeyError: 'the second' (but not alone)"] * 2


@pytest.mark.parametrize("scan, kind, is_wrong", [
    (forwards_only, "differs", lambda program: program.go_backwards),
    (refusing, "fails", lambda program: program.truncate_gradient == 2),
])  # fmt: skip
def test_of_several_those_that_fail_are_found_and_made_smaller(scan, kind, is_wrong):
    group = drawn(6, seed=291)[::2]
    found = outcomes(group, scan, BY_SCAN)
    assert [outcome.program for outcome in found] == group
    assert [outcome.kind for outcome in found] == [kind if is_wrong(program) else "" for program in group]
    assert 0 < sum(map(is_wrong, group)) < len(group)
    wrong = max((outcome for outcome in found if outcome.kind), key=lambda outcome: len(outcome.program.lines))
    tried = iter(range(8))
    small = shrunk(wrong, lambda: next(tried, None) is not None, scan, BY_SCAN)
    assert small.kind == kind and is_wrong(small.program)
    assert len(str(small.program)) < len(str(wrong.program))


def test_what_came_of_a_program_is_said():
    program = drawn(1, seed=0)[0]
    assert str(Outcome(program, "differs", "the output is off by 1")) == "differs: the output is off by 1"
    assert str(Outcome(program, reason="drawn0_ runs by scan")) == "by scan: drawn0_ runs by scan"
    assert str(Outcome(program, is_in_c=True)) == "in C"
