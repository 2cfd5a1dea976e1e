"""The sections of docs/theory.md that hold claims, in their order, with their titles."""

SECTIONS = {
    "1": "Reconstruction and information losses",
    "2": "Degrees of freedom, and how many nodes suffice",
    "2a": "Sampling by leverage scores",
    "2b": "Determinantal sampling",
    "2c": "Volume sampling and oversampling",
    "3": "Approximation error of the compressed RNN",
    "4": "Boundedness and Lipschitz constants",
    "5": "Covering numbers",
    "6": "From covers to generalization",
    "7": "The theorem",
    "8": "Certificates that are not vacuous",
    "9": "Other bounds to stand beside",
    "10": 'What "checked" means',
    "11": "Pruning that knows the recursion",
    "12": "Gates: GRU and LSTM",
    "13": "A lemma over a whole box, and in a proof assistant",
}
