"""Jobs on a SLURM cluster: what they ask for, where they run, and what a killed Snakemake left."""
