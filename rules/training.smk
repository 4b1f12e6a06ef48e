# Recipes train students on selected sets; a later stage starts from an earlier one's checkpoint.
#
# REQUIRED INPUTS:  <results>/datasets/{set}/train.parquet, the parent's model folder
# OUTPUTS:          <results>/checkpoints/{recipe}/checkpoint.json    what was trained on what, and the files
#                   <results>/checkpoints/{recipe}/model/             a Hugging Face model folder
#                   <results>/checkpoints/{recipe}/log.csv            the trainer's log


rule train:
    input:
        dataset=lambda wildcards: ancient(
            f"<results>/datasets/{recipe(wildcards)['dataset']}/train.parquet"
        ),
        dataset_digest=lambda wildcards: f"<results>/datasets/{recipe(wildcards)['dataset']}/train.digest.json",
        parent=lambda wildcards: model_identity(recipe(wildcards)["parent"]),
    output:
        checkpoint=update("<results>/checkpoints/{recipe}/checkpoint.json"),
    log:
        "<logs>/train/{recipe}.log",
    conda:
        "../envs/training.yaml"
    params:
        code=code("train"),
        config=sliced(slices.train),
        seed=config["seed"],
        parent=lambda wildcards: model_folder(recipe(wildcards)["parent"]),
    shell:
        """
        python scripts/train.py \
            --config {params.config:q} \
            --code-digest {params.code} \
            --seed {params.seed} \
            --parent {params.parent:q} \
            --dataset {input.dataset:q} \
            --output {output.checkpoint:q} \
            --work-dir $(dirname {output.checkpoint:q})/work >{log:q} 2>&1
        """
