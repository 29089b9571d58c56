"""What the analyses and the ablation find, as their files hold it: each file is one `...Figures`. No torch.

Intervals are 95 % unless said otherwise. `skiploop.storage.records` reads and writes these classes.

    ablation     `ablation.json`
    difficulty   `analysis/difficulty.json`, of which `n` counts inputs
    edits        `analysis/edits.json`
    robustness   `analysis/robustness.json`
    similarity   `analysis/similarity.json`
    lens         `analysis/lens.json`
    analyses     all analyses of one study
"""
