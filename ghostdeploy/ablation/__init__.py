"""The seed's tables of ablations as grids of training runs: `ghostdeploy ablate TABLE`.

    grid        which recipe, what is varied, and what the paper found
    run         every cell with every seed, resumable
    outcome     how a run ended; mean and spread of a cell
    report      JSON and Markdown, the paper's findings beside ours
"""
