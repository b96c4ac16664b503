from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0009_fairness")]

    operations = [
        migrations.AlterField(
            model_name="step",
            name="kind",
            field=models.CharField(
                choices=[
                    ("plan", "plan"),
                    ("agent", "agent"),
                    ("decide", "decide"),
                    ("synthesize", "synthesize"),
                    ("tool", "tool"),
                    ("message", "message"),
                    ("noop", "noop"),
                    ("review", "review"),
                ],
                max_length=16,
            ),
        ),
    ]
