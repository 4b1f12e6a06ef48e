# Which queries and responses a student is trained on, and the data sets made of them.
#
# REQUIRED INPUTS:  <results>/difficulty/table.parquet, verdicts and responses of the set's teacher
# OUTPUTS:          <results>/selected/{set}.parquet          a row for each selected response, and why
#                   <results>/datasets/{set}/train.parquet    messages ready to train on
#                   <results>/datasets/{set}/README.md        data card


rule select_responses:
    input:
        difficulty="<results>/difficulty/table.digest.json",
        verdicts=lambda wildcards: of_shards("verdicts", selected_teacher(wildcards)),
    output:
        selected="<results>/selected/{set}.parquet",
        digest="<results>/selected/{set}.digest.json",
    log:
        "<logs>/select_responses/{set}.log",
    conda:
        "../envs/data.yaml"
    params:
        code=code("select_responses"),
        config=sliced(slices.select_responses),
        seed=config["seed"],
    shell:
        """
        python scripts/select_responses.py \
            --name {wildcards.set} \
            --difficulty {input.difficulty:q} \
            --verdicts {input.verdicts:q} \
            --config {params.config:q} \
            --seed {params.seed} \
            --output {output.selected:q} >{log:q} 2>&1
        """


rule export_dataset:
    input:
        selected="<results>/selected/{set}.digest.json",
        queries=expand("<results>/queries/shards/{shard}.digest.json", shard=SHARDS),
        responses=lambda wildcards: of_shards("responses", selected_teacher(wildcards)),
    output:
        dataset="<results>/datasets/{set}/train.parquet",
        digest="<results>/datasets/{set}/train.digest.json",
        card="<results>/datasets/{set}/README.md",
    log:
        "<logs>/export_dataset/{set}.log",
    conda:
        "../envs/data.yaml"
    params:
        code=code("export_dataset"),
        config=sliced(slices.export_dataset),
    shell:
        """
        python scripts/export_dataset.py \
            --name {wildcards.set} \
            --selected {input.selected:q} \
            --queries {input.queries:q} \
            --responses {input.responses:q} \
            --config {params.config:q} \
            --output {output.dataset:q} \
            --card {output.card:q} >{log:q} 2>&1
        """
