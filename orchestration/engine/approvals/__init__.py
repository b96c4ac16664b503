"""Waiting for people: questions are put, closed by a decision or by the clock, and withdrawn when their task ends."""

from orchestration.engine.approvals.asking import approval_answer, approval_put, approvals_withdraw, questions_withdraw
from orchestration.engine.approvals.clock import clock_start, clock_stop

__all__ = ["approval_answer", "approval_put", "approvals_withdraw", "clock_start", "clock_stop", "questions_withdraw"]
