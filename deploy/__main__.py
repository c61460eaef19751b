from deploy.cli import app

app(prog_name="jamaa")
