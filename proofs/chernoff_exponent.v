From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.chernoff_exponent: Coq 8.16.1, as stated *)
(* step.chernoff_exponent: 1/2.48 \le x (1 - \kappa) + (1 - e^{-x}) \kappa - x/4 \text{ at } x = \log 4 *)

Theorem step_chernoff_exponent : forall kap : R,
  0 <= kap <= 1 ->
  (25 / 62) <= ((((ln 4) * (1 - kap)) + ((1 - (exp (- (ln 4)))) * kap)) - ((ln 4) / 4)).
Proof.
  intros; apply Rminus_le; interval with (i_bisect kap, i_autodiff kap, i_depth 12).
Qed.
