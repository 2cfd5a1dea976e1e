From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.bernstein_function: Coq 8.16.1, with the slack 1/1000000 *)
(* step.bernstein_function: \frac{u^2}{2 (1 + u/3)} \le (1 + u) \log(1 + u) - u *)

Theorem step_bernstein_function : forall u : R,
  0 <= u <= 16 ->
  ((u ^ 2) / (2 * (1 + (u / 3)))) <= (((1 + u) * (ln (1 + u))) - u) + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect u, i_autodiff u, i_depth 22).
Qed.
