r"""What the signs and the ids on the page mean, and where in the paper a statement belongs."""

from __future__ import annotations

SYMBOLS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "The network",
        (
            (r"n,\ T", "training sequences, and steps of each"),
            (r"m,\ J,\ k", "hidden nodes; the nodes that are kept, and how many they are"),
            (r"h_t,\ \hat f,\ f'", "state at step t; outputs of the whole and the small network"),
            (r"W_h,\ W_i,\ W_o", "weights: recurrent, input, read-out; with a prime those of the "
             "small network; [J,:] the rows of the nodes that are kept"),
            (r"s,\ \rho", "activation, and its Lipschitz constant"),
            (r"\kappa", "‖W_h'‖, the spectral norm of the small network's recurrence"),
            (r"w_t", "weights of the steps, of sum 1: all on the last step where the network is "
             "read out there, else 1/T"),
            (r"\|\cdot\|_{n,w},\ \|\cdot\|_{n,T}", "root mean square over the sample, with the "
             "weights w over time, or the mean over time; with n alone, of one step"),
        ),
    ),
    (
        "What pruning loses",
        (
            (r"S,\ \mu_j", "second moment of the states averaged over time, and its eigenvalues"),
            (r"A,\ \tau", "reconstruction of all states from those kept, and its regulariser"),
            (r"r_t", "h_t less A times its kept nodes: what those do not say of the state"),
            (r"e_t", "state of the small network less that of the kept nodes"),
            (r"v_t,\ u_t", "bounds on ‖e_t‖ from one step to the next: of each sequence, and of "
             "the sample"),
            (r"L_A,\ L_B", "information losses: of the states, and of what W_h and W_o read"),
            (r"\lambda,\ N(\lambda)", "regulariser of the degrees of freedom, and their number, "
             "Tr S(S + λ)⁻¹; N alone is N(λ)"),
            (r"\alpha", "what ‖A‖ is at most where a theorem promises the nodes: it takes the part "
             "of a measured norm"),
        ),
    ),
    (
        "How the error grows",
        (
            (r"L_T(a)", "lower triangular Toeplitz matrix of T - 1 rows, a^(s-t) in row s"),
            (r"\Gamma_T(a)", "1 + a + ... + a^(T-2)"),
            (r"P_j,\ Q,\ M_j,\ \Lambda_j", "forms: √(g'P_j g) bounds what a disturbance g of j "
             "steps ago does to the output, M_j before the activation; Q is the second moment of g "
             "= W_h[J,:] r; Λ_j a diagonal that is searched"),
            (r"d_{j,i},\ c_i", "a diagonal above M_j, and the largest that node i can be off, as "
             "the activation is bounded"),
        ),
    ),
    (
        "From the sample to the risk",
        (
            (r"\Psi,\ \hat\Psi", "risk, and its mean on the sample"),
            (r"\rho_\psi,\ B,\ \gamma", "Lipschitz constant of the loss in the output, its range, "
             "and the margin of the ramp"),
            (r"\delta", "probability with which a bound may fail"),
            (r"D,\ a", "a radius of the class of losses, at most B/2; lower end of the integral"),
            (r"N(\epsilon),\ \epsilon", "size of a net of the class of losses, and its mesh"),
            (r"\epsilon_j,\ N_j,\ L", "meshes and sizes of a chain of L nets"),
            (r"\mathrm{kl}^{-1}(q; c)", "the largest p with kl(q ‖ p) ≤ c; q is the empirical loss "
             "with the approximation error"),
            (r"|c|,\ P,\ Q", "length in bits of the network's code; prior and posterior of "
             "PAC-Bayes"),
        ),
    ),
)  # fmt: skip
"""Groups of (LaTeX, meaning)."""

IDS: tuple[tuple[str, str], ...] = (
    ("theorem.fixed_nodes", "nodes chosen on the data; k and the radii of the class fixed before"),
    ("theorem.degrees_of_freedom", "some k ≥ 5 N(λ) log(80 N(λ)) nodes, as the paper states it"),
    ("theorem.determinantal", "the same for k ≥ 3 N(λ), by determinantal sampling"),
    ("theorem.stratified", "radii measured on the data, rounded up to a grid that is paid for"),
    (
        "[...]",
        "which bound on the error stands in the approximation term: "
        "theorem.fixed_nodes[weighted] has approximation.weighted",
    ),
    (".approximation.", "through the whole network, with that term; without: the loss is that of "
     "the small network itself"),
    (".dudley", "complexity by Dudley's integral, as published"),
    (".chain", "by a finite chain of nets in place of the integral"),
    (".net", "by one net and Hoeffding's inequality"),
    (".net_chain", "by a chain of nets without Rademacher averages"),
    (".net_kl", "by one net and the inverse of kl, which is sharper at small losses"),
    ("approximation.recursion", "the error step by step, from the states of every sequence"),
    ("approximation.weighted", "from the covariance of every step: one norm a step"),
    ("approximation.weighted_from_mean", "from S alone, any time weights: one norm for all steps"),
    ("approximation.global", "from S alone, time average: the published form, by Young"),
    ("approximation.toeplitz, power, scaled, stepwise", "sharper forms of it"),
    ("approximation.sector", "uses that the activation does not fall"),
    ("approximation.saturation", "uses that it is bounded, too"),
    ("approximation.dissipation", "a storage function, by semidefinite programming; minutes"),
    ("approximation.a_priori", "before the nodes are known: √λ for the losses"),
    ("others.*", "bounds of other papers, in our constants where “form of” is said"),
    ("occam.*", "by the length of a code of the network"),
    ("split, operator, lipschitz, one_step, losses", "steps between the named ones of the chain"),
)  # fmt: skip
"""What a part of an id says."""

PAPER: tuple[tuple[str, str, str], ...] = (
    (
        "“an appropriate pruning algorithm for RNNs inspired by spectral pruning”",
        "reconstruction.closed_form, reconstruction.output_loss, selection.marginal_gain: nodes "
        "chosen greedily for the two information losses, the rest reconstructed",
        "1",
    ),
    (
        "degrees of freedom, and the nodes that suffice",
        "leverage.existence, leverage.norm, leverage.loss_bound",
        "2",
    ),
    (
        "the error of the compressed network, O(√λ)",
        "approximation.recursion, approximation.global, approximation.a_priori",
        "3",
    ),
    (
        "norms and covering numbers of the class",
        "lipschitz.state, lipschitz.output, covering.class_mean_square, uniform.dudley",
        "4",
    ),
    (
        "“generalization error bounds for compressed RNNs”",
        "theorem.fixed_nodes, theorem.degrees_of_freedom, theorem.degrees_of_freedom_order",
        "7",
    ),
    (
        "“numerical experiments … compared with existing methods”",
        "the accuracies above, and the tables under results/ on its two data sets and others",
        "",
    ),
)
"""(what the paper claims, which claim here, section of the theory)."""
